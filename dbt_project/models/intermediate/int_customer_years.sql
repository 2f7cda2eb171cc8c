-- One row per customer with an interaction in the months that segments look back on.
with record_months as (
    select * from {{ ref('int_record_months') }}
),

activities as (
    select * from {{ ref('activities') }}
),

terms as (
    select * from {{ ref('segment_terms') }}
    where {{ as_of() }} >= valid_from and {{ as_of() }} < valid_to
),

bridge as (
    select * from {{ source('identity', 'customer_identity') }}
    where customer_key is not null
),

by_channel as (
    select
        bridge.customer_key,
        record_months.channel,
        sum(record_months.interaction_count) as interaction_count,
        coalesce(
            sum(record_months.interaction_count) filter (
                where activities.kind_code = 'transaction'
            ), 0
        ) as transaction_count,
        coalesce(
            sum(record_months.total_amount) filter (
                where activities.direction_code = 'debit'
            ), 0
        ) as debit_amount
    from record_months
    inner join terms
        on
            record_months.month_start
            > {{ add_months(month_start(as_of()), '-terms.trailing_months') }}
    inner join bridge on record_months.record_id = bridge.record_id
    left join activities on record_months.activity_code = activities.activity_code
    group by bridge.customer_key, record_months.channel
),

channel_ranks as (
    select
        customer_key,
        channel,
        interaction_count
    from by_channel
    qualify
        row_number() over (
            partition by customer_key
            order by interaction_count desc, channel asc
        ) = 1
),

totals as (
    select
        customer_key,
        sum(interaction_count) as interaction_count,
        sum(transaction_count) as transaction_count,
        sum(debit_amount) as debit_amount
    from by_channel
    group by customer_key
),

customer_years as (
    select
        totals.customer_key,
        cast(totals.interaction_count as bigint) as interaction_count,
        cast(totals.transaction_count as bigint) as transaction_count,
        cast(totals.debit_amount as decimal(18, 2)) as debit_amount,
        channel_ranks.channel as top_channel,
        cast(channel_ranks.interaction_count as bigint) as top_channel_count
    from totals
    inner join channel_ranks on totals.customer_key = channel_ranks.customer_key
)

select * from customer_years
