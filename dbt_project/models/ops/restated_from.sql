-- One row per build: the first month of which everything is computed again. Months
-- before it stand as the base has them, but for accounts and customers whose own facts
-- are others now.
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

signal_terms as (
    select * from {{ ref('signal_terms') }}
),

months as (
    -- The month that was running when the base was built.
    select {{ month_start('least(base_as_of_date, as_of_date)') }} as from_month
    from build
    union all
    select {{ month_start('business_date') }} as from_month
    from changed_days
    union all
    -- An account's first balance also holds for a week before it.
    select {{ month_start('business_date - interval 7 day') }} as from_month
    from changed_balances
    union all
    -- Signals go by the terms of today, also for the past.
    select date '0001-01-01' as from_month
    from signal_terms
    inner join build
        on
            (
                signal_terms.valid_from > build.base_as_of_date
                and signal_terms.valid_from <= build.as_of_date
            )
            or build.base_as_of_date is null
),

restated_from as (
    select min(from_month) as from_month
    from months
)

select * from restated_from
