-- One row per day of the bank's history.
with profile_history as (
    select * from {{ ref('profile_history') }}
),

bounds as (
    select coalesce(min(month_start), {{ as_of() }}) as first_date
    from profile_history
),

days as (
    {{ day_spine('(select first_date from bounds)', as_of()) }}
),

calendar as (
    select on_date as calendar_date
    from days
)

select * from calendar
order by calendar_date
