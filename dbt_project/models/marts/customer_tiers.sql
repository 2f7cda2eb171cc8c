-- One row per customer and period in which its tier stayed the same.
with assessments as (
    select * from {{ ref('int_tier_assessments') }}
),

basics as (
    select * from {{ ref('int_customer_basics') }}
),

-- A month counts from the next month on; the first one also counts for itself, so that
-- a customer has a tier from the day it is known.
effective as (
    select
        assessments.customer_key,
        {{ add_months('assessments.month_start', 1) }} as valid_from,
        assessments.tier,
        assessments.has_holdings,
        assessments.trailing_contribution_amount,
        assessments.contribution_rank,
        assessments.ranked_count,
        assessments.is_premium_month,
        assessments.negative_months,
        assessments.trailing_months,
        assessments.consecutive_misses
    from assessments
    where {{ add_months('assessments.month_start', 1) }} <= {{ as_of() }}
    union all
    select
        assessments.customer_key,
        assessments.month_start as valid_from,
        assessments.tier,
        assessments.has_holdings,
        assessments.trailing_contribution_amount,
        assessments.contribution_rank,
        assessments.ranked_count,
        assessments.is_premium_month,
        assessments.negative_months,
        assessments.trailing_months,
        assessments.consecutive_misses
    from assessments
    qualify
        row_number() over (
            partition by assessments.customer_key
            order by assessments.month_start
        ) = 1
),

latest_from as (
    select
        customer_key,
        max(valid_from) as valid_from
    from effective
    group by customer_key
),

-- An authorised restriction in the core system stands above the figures.
judged as (
    select
        effective.customer_key,
        effective.valid_from,
        case
            when
                basics.restriction_code is not null
                and latest_from.customer_key is not null
                then 'restricted'
            else effective.tier
        end as tier,
        case
            when
                basics.restriction_code is not null
                and latest_from.customer_key is not null
                then 'restricted in the core system: ' || basics.restriction_code
            when not effective.has_holdings then 'known to a channel, holds no account'
            when effective.tier = 'restricted'
                then
                    'contribution was negative for '
                    || effective.negative_months || ' months in a row'
            else
                'contribution of the trailing ' || effective.trailing_months
                || ' months ' || effective.trailing_contribution_amount
                || ', rank ' || effective.contribution_rank
                || ' of ' || effective.ranked_count
                || case
                    when effective.tier = 'premium' and not effective.is_premium_month
                        then
                            ', kept until it misses '
                            || effective.consecutive_misses || ' months in a row'
                    else ''
                end
        end as reason
    from effective
    left join basics on effective.customer_key = basics.customer_key
    left join latest_from
        on
            effective.customer_key = latest_from.customer_key
            and effective.valid_from = latest_from.valid_from
),

starts as (
    select *
    from judged
    qualify
        coalesce(
            lag(tier) over (
                partition by customer_key
                order by valid_from
            ) <> tier, true
        )
),

customer_tiers as (
    select
        customer_key,
        valid_from,
        coalesce(
            lead(valid_from) over (
                partition by customer_key
                order by valid_from
            ), date '9999-12-31'
        ) as valid_to,
        tier,
        reason
    from starts
)

select * from customer_tiers
