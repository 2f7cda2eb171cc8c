-- One row per customer and period in which its tier, and who answers for it, stayed the
-- same.
with assessments as (
    select * from {{ ref('int_tier_assessments') }}
),

basics as (
    select * from {{ ref('int_customer_basics') }}
),

bridge as (
    select * from {{ source('identity', 'customer_identity') }}
    where customer_key is not null
),

-- People name a customer by one of its records: that one outlives any change of keys.
overrides as (
    select
        bridge.customer_key,
        tier_overrides.tier,
        tier_overrides.reason,
        tier_overrides.authorised_by,
        tier_overrides.authorised_date,
        tier_overrides.valid_from,
        tier_overrides.valid_to
    from {{ ref('tier_overrides') }} as tier_overrides
    inner join bridge on tier_overrides.record_id = bridge.record_id
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

override_days as (
    select
        customer_key,
        valid_from as on_date
    from overrides
    union
    select
        customer_key,
        valid_to as on_date
    from overrides
),

-- What the figures say on a day within a month on which an override begins or ends.
within_months as (
    select
        override_days.customer_key,
        override_days.on_date as valid_from,
        judged.tier,
        judged.reason
    from override_days
    inner join judged
        on
            override_days.customer_key = judged.customer_key
            and override_days.on_date >= judged.valid_from
    where override_days.on_date <= {{ as_of() }}
    qualify
        row_number() over (
            partition by override_days.customer_key, override_days.on_date
            order by judged.valid_from desc
        ) = 1
        and judged.valid_from < override_days.on_date
),

by_figures as (
    select
        customer_key,
        valid_from,
        tier,
        reason
    from judged
    union all
    select
        customer_key,
        valid_from,
        tier,
        reason
    from within_months
),

-- Of several overrides the one that was authorised last holds.
overridden as (
    select
        by_figures.customer_key,
        by_figures.valid_from,
        overrides.tier,
        overrides.reason,
        overrides.authorised_by,
        overrides.authorised_date,
        overrides.valid_to as authorised_until_date
    from by_figures
    inner join overrides
        on
            by_figures.customer_key = overrides.customer_key
            and by_figures.valid_from >= overrides.valid_from
            and by_figures.valid_from < overrides.valid_to
    qualify
        row_number() over (
            partition by by_figures.customer_key, by_figures.valid_from
            order by
                overrides.authorised_date desc,
                overrides.valid_from desc,
                overrides.tier asc
        ) = 1
),

standing as (
    select
        by_figures.customer_key,
        by_figures.valid_from,
        coalesce(overridden.tier, by_figures.tier) as tier,
        case
            when overridden.tier is null then by_figures.reason
            else
                'set by ' || overridden.authorised_by
                || ' on ' || overridden.authorised_date
                || ' until ' || overridden.authorised_until_date
                || ': ' || overridden.reason
        end as reason,
        overridden.authorised_by,
        overridden.authorised_date,
        overridden.authorised_until_date,
        coalesce(
            overridden.authorised_by || ' ' || overridden.authorised_date, 'figures'
        ) as reason_source
    from by_figures
    left join overridden
        on
            by_figures.customer_key = overridden.customer_key
            and by_figures.valid_from = overridden.valid_from
),

starts as (
    select *
    from standing
    qualify
        coalesce(
            lag(tier || ' by ' || reason_source) over (
                partition by customer_key
                order by valid_from
            ) <> tier || ' by ' || reason_source, true
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
        reason,
        authorised_by,
        authorised_date,
        authorised_until_date
    from starts
)

select * from customer_tiers
