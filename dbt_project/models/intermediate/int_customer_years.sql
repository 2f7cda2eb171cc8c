-- One row per customer with an interaction in the months that segments look back on.
with channel_months as (
    select * from {{ ref('int_customer_channel_months') }}
),

customer_months as (
    select * from {{ ref('int_customer_months') }}
),

terms as (
    select * from {{ ref('segment_terms') }}
    where {{ as_of() }} >= valid_from and {{ as_of() }} < valid_to
),

channel_ranks as (
    select
        channel_months.customer_key,
        channel_months.channel,
        sum(channel_months.interaction_count) as interaction_count
    from channel_months
    inner join terms
        on
            channel_months.month_start
            > {{ add_months(month_start(as_of()), '-terms.trailing_months') }}
    group by channel_months.customer_key, channel_months.channel
    qualify
        row_number() over (
            partition by channel_months.customer_key
            order by
                sum(channel_months.interaction_count) desc, channel_months.channel asc
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
