-- One row per month, tier before and tier in it: how many customers went which way.
with customer_tiers as (
    select * from {{ ref('customer_tiers') }}
),

months as (
    {{ month_spine('(select min(valid_from) from customer_tiers)', as_of()) }}
),

-- A month stands for its last day, the running one for the edition's date.
month_ends as (
    select
        month_start,
        least(
            cast({{ add_months('month_start', 1) }} - interval 1 day as date),
            {{ as_of() }}
        ) as end_date
    from months
),

at_month_ends as (
    select
        month_ends.month_start,
        customer_tiers.customer_key,
        customer_tiers.tier
    from customer_tiers
    inner join month_ends
        on
            customer_tiers.valid_from <= month_ends.end_date
            and customer_tiers.valid_to > month_ends.end_date
),

counted as (
    select
        at_month_ends.month_start,
        coalesce(earlier.tier, 'unknown') as earlier_tier,
        at_month_ends.tier,
        count(*) as customer_count
    from at_month_ends
    left join at_month_ends as earlier
        on
            {{ add_months('at_month_ends.month_start', -1) }} = earlier.month_start
            and at_month_ends.customer_key = earlier.customer_key
    group by
        at_month_ends.month_start,
        coalesce(earlier.tier, 'unknown'),
        at_month_ends.tier
),

tier_migration as (
    select
        month_start,
        earlier_tier,
        tier,
        cast(customer_count as bigint) as customer_count,
        customer_count / cast(
            sum(customer_count) over (partition by month_start, earlier_tier) as double
        ) as share_of_earlier_ratio
    from counted
)

select * from tier_migration
order by month_start, earlier_tier, tier
