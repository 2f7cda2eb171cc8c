-- One row per account and month: balance times days, so a rate a day applies to it.
with periods as (
    select * from {{ ref('int_balance_periods') }}
),

bounds as (
    select coalesce(min(first_date), {{ as_of() }}) as first_date
    from periods
),

months as (
    {{ month_spine('(select first_date from bounds)', as_of()) }}
),

pieces as (
    select
        periods.account_id,
        months.month_start,
        periods.balance_amount,
        {{ days_between(
            'greatest(periods.first_date, months.month_start)',
            'least(periods.end_date, ' ~ add_months('months.month_start', 1) ~ ')'
        ) }} as day_count
    from periods
    inner join months
        on
            periods.first_date < {{ add_months('months.month_start', 1) }}
            and periods.end_date > months.month_start
),

balance_months as (
    select
        account_id,
        month_start,
        cast(sum(balance_amount * day_count) as decimal(24, 2)) as balance_day_amount,
        cast(sum(day_count) as bigint) as day_count
    from pieces
    group by account_id, month_start
)

select * from balance_months
