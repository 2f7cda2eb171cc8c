-- One row per build: the first day that changed, and with its month the first one of
-- which everything is computed again. What is before stands as the base has it, but for
-- accounts and customers whose own facts are others now.
with build as (
    select * from {{ source('ops', 'build') }}
),

changed_days as (
    {{ changed_days() }}
),

changed_balances as (
    select business_date
    from {{ source('ops', 'changed_partitions') }}
    where channel || '.' || feed = 'core_banking.balances'
),

-- Signals and service go by the terms of today, also for the past.
terms as (
    select valid_from from {{ ref('signal_terms') }}
    union all
    select valid_from from {{ ref('service_terms') }}
),

days as (
    -- The day on which the base was built, and with it the month that was running.
    select least(base_as_of_date, as_of_date) as from_date
    from build
    union all
    select business_date as from_date
    from changed_days
    union all
    -- An account's first balance also holds for a week before it.
    select cast(business_date - interval 7 day as date) as from_date
    from changed_balances
    union all
    select date '0001-01-01' as from_date
    from terms
    inner join build
        on
            (
                terms.valid_from > build.base_as_of_date
                and terms.valid_from <= build.as_of_date
            )
            or build.base_as_of_date is null
),

restated_from as (
    select
        min(from_date) as from_date,
        {{ month_start('min(from_date)') }} as from_month
    from days
)

select * from restated_from
