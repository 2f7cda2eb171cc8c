-- One row per day of the bank's history.
with profile_history as (
    select * from {{ ref('profile_history') }}
),

bounds as (
    select coalesce(min(month_start), {{ as_of() }}) as first_date
    from profile_history
),

numbers as (
    {{ number_spine(
        "(select " ~ days_between("first_date", as_of()) ~ " + 1 from bounds)"
    ) }}
),

calendar as (
    select
        cast(bounds.first_date + cast(numbers.number - 1 as integer) as date)
            as calendar_date
    from numbers
    cross join bounds
)

select * from calendar
order by calendar_date
