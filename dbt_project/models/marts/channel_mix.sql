-- One row per month, branch, tier and channel with an interaction of its customers.
with customer_months as (
    select * from {{ ref('int_customer_channel_months') }}
),

places as (
    select * from {{ ref('int_customer_places') }}
),

summed as (
    select
        customer_months.month_start,
        places.branch_id,
        places.tier,
        customer_months.channel,
        cast(sum(customer_months.interaction_count) as bigint) as interaction_count,
        {{ in_cents('sum(customer_months.cost_to_serve_amount)') }}
            as cost_to_serve_amount
    from customer_months
    inner join places
        on
            customer_months.customer_key = places.customer_key
            and least(
                cast(
                    {{ add_months('customer_months.month_start', 1) }}
                    - interval 1 day as date
                ), {{ as_of() }}
            ) >= places.valid_from
            and least(
                cast(
                    {{ add_months('customer_months.month_start', 1) }}
                    - interval 1 day as date
                ), {{ as_of() }}
            ) < places.valid_to
    group by
        customer_months.month_start,
        places.branch_id,
        places.tier,
        customer_months.channel
),

shared as (
    select
        summed.*,
        cast(
            summed.interaction_count
            / cast(
                sum(summed.interaction_count) over (
                    partition by summed.month_start, summed.branch_id, summed.tier
                ) as double
            ) as double
        ) as interaction_share_ratio
    from summed
),

channel_mix as (
    select
        shared.month_start,
        shared.branch_id,
        shared.tier,
        shared.channel,
        shared.interaction_count,
        shared.interaction_share_ratio,
        shared.cost_to_serve_amount,
        earlier.interaction_share_ratio as year_before_interaction_share_ratio,
        '{{ var("currency_code") }}' as currency_code
    from shared
    left join shared as earlier
        on
            {{ add_months('shared.month_start', -12) }} = earlier.month_start
            and shared.branch_id = earlier.branch_id
            and shared.tier = earlier.tier
            and shared.channel = earlier.channel
)

select * from channel_mix
order by month_start, branch_id, tier, channel
