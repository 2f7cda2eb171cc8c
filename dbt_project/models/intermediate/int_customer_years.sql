-- One row per customer with an interaction in the months that segments look back on.
with record_months as (
    select * from {{ ref('int_record_months') }}
),

customer_months as (
    select * from {{ ref('int_customer_months') }}
),

terms as (
    select * from {{ ref('segment_terms') }}
    where {{ as_of() }} >= valid_from and {{ as_of() }} < valid_to
),

bridge as (
    select * from {{ source('identity', 'customer_identity') }}
    where customer_key is not null
),

channel_ranks as (
    select
        bridge.customer_key,
        record_months.channel,
        sum(record_months.interaction_count) as interaction_count
    from record_months
    inner join terms
        on
            record_months.month_start
            > {{ add_months(month_start(as_of()), '-terms.trailing_months') }}
    inner join bridge on record_months.record_id = bridge.record_id
    group by bridge.customer_key, record_months.channel
    qualify
        row_number() over (
            partition by bridge.customer_key
            order by
                sum(record_months.interaction_count) desc, record_months.channel asc
        ) = 1
),

totals as (
    select
        customer_months.customer_key,
        sum(customer_months.interaction_count) as interaction_count,
        sum(customer_months.transaction_count) as transaction_count,
        sum(customer_months.debit_amount) as debit_amount
    from customer_months
    inner join terms
        on
            customer_months.month_start
            > {{ add_months(month_start(as_of()), '-terms.trailing_months') }}
    group by customer_months.customer_key
),

customer_years as (
    select
        totals.customer_key,
        cast(totals.interaction_count as bigint) as interaction_count,
        cast(totals.transaction_count as bigint) as transaction_count,
        {{ in_cents('totals.debit_amount') }} as debit_amount,
        channel_ranks.channel as top_channel,
        cast(channel_ranks.interaction_count as bigint) as top_channel_count
    from totals
    inner join channel_ranks on totals.customer_key = channel_ranks.customer_key
)

select * from customer_years
