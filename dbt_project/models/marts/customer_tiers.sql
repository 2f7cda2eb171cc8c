-- One row per customer and period in which its tier, and who answers for it, stayed the
-- same.
--
-- Assessments are read thrice rather than copied once, all months of everyone.
with assessments as not materialized (
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
firsts as (
    select
        customer_key,
        min(month_start) as month_start,
        arg_min(tier, month_start) as tier,
        coalesce(
            min(tier) filter (where month_start < {{ month_start(as_of()) }})
            <> max(tier) filter (where month_start < {{ month_start(as_of()) }}), false
        ) as has_moved
    from assessments
    group by customer_key
),

-- Of everyone else all months say the same, so that the first is enough.
followed as (
    select customer_key
    from firsts
    where has_moved
    union
    select customer_key
    from overrides
    union
    select customer_key
    from basics
    where restriction_code is not null
),

effective as (
    select
        customer_key,
        month_start,
        {{ add_months('month_start', 1) }} as valid_from,
        tier
    from assessments
    where
        month_start < {{ month_start(as_of()) }}
        and customer_key in (select followed.customer_key from followed)
    union all
    select
        customer_key,
        month_start,
        month_start as valid_from,
        tier
    from firsts
),

-- An authorised restriction in the core system stands above the figures.
restrictions as (
    select
        effective.customer_key,
        max(effective.valid_from) as valid_from,
        any_value(basics.restriction_code) as restriction_code
    from effective
    inner join basics on effective.customer_key = basics.customer_key
    where basics.restriction_code is not null
    group by effective.customer_key
),

judged as (
    select
        effective.customer_key,
        effective.month_start,
        effective.valid_from,
        case
            when restrictions.customer_key is not null then 'restricted'
            else effective.tier
        end as tier,
        restrictions.restriction_code
    from effective
    left join restrictions
        on
            effective.customer_key = restrictions.customer_key
            and effective.valid_from = restrictions.valid_from
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
        judged.month_start,
        override_days.on_date as valid_from,
        judged.tier,
        judged.restriction_code
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
        month_start,
        valid_from,
        tier,
        restriction_code
    from judged
    union all
    select
        customer_key,
        month_start,
        valid_from,
        tier,
        restriction_code
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
        by_figures.month_start,
        by_figures.valid_from,
        by_figures.restriction_code,
        coalesce(overridden.tier, by_figures.tier) as tier,
        overridden.reason,
        overridden.authorised_by,
        overridden.authorised_date,
        overridden.authorised_until_date
    from by_figures
    left join overridden
        on
            by_figures.customer_key = overridden.customer_key
            and by_figures.valid_from = overridden.valid_from
),

compared as (
    select
        standing.*,
        lag(tier) over days_of_customer as tier_before,
        lag(authorised_by) over days_of_customer as authorised_by_before,
        lag(authorised_date) over days_of_customer as authorised_date_before
    from standing
    window days_of_customer as (
        partition by customer_key
        order by valid_from
    )
),

starts as (
    select *
    from compared
    where
        tier_before is distinct from tier
        or authorised_by_before is distinct from authorised_by
        or authorised_date_before is distinct from authorised_date
),

customer_tiers as (
    select
        starts.customer_key,
        starts.valid_from,
        coalesce(
            lead(starts.valid_from) over (
                partition by starts.customer_key
                order by starts.valid_from
            ), date '9999-12-31'
        ) as valid_to,
        starts.tier,
        case
            when starts.authorised_by is not null
                then
                    'set by ' || starts.authorised_by
                    || ' on ' || starts.authorised_date
                    || ' until ' || starts.authorised_until_date
                    || ': ' || starts.reason
            when starts.restriction_code is not null
                then 'restricted in the core system: ' || starts.restriction_code
            when not assessments.has_holdings
                then 'known to a channel, holds no account'
            when assessments.tier = 'restricted'
                then
                    'contribution was negative for '
                    || assessments.negative_months || ' months in a row'
            else
                'contribution of the trailing ' || assessments.trailing_months
                || ' months ' || assessments.trailing_contribution_amount
                || ', rank ' || assessments.contribution_rank
                || ' of ' || assessments.ranked_count
                || case
                    when
                        assessments.tier = 'premium'
                        and not assessments.is_premium_month
                        then
                            ', kept until it misses '
                            || assessments.consecutive_misses || ' months in a row'
                    else ''
                end
        end as reason,
        starts.authorised_by,
        starts.authorised_date,
        starts.authorised_until_date
    from starts
    left join assessments
        on
            starts.customer_key = assessments.customer_key
            and starts.month_start = assessments.month_start
)

select * from customer_tiers
