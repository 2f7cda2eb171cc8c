-- One row per account and month: balance times days in the bank's currency, at the rate
-- of each day, so a rate a day applies to it; the same times the yearly interest; and
-- what stood at the month's end, or at the edition's date.
with periods as (
    select * from {{ ref('int_balance_periods') }}
),

exchange_days as (
    select * from {{ ref('int_exchange_days') }}
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
        periods.currency_code,
        periods.balance_amount,
        periods.interest_rate,
        greatest(periods.first_date, months.month_start) as first_date,
        least(periods.end_date, {{ add_months('months.month_start', 1) }}) as end_date
    from periods
    inner join months
        on
            periods.first_date < {{ add_months('months.month_start', 1) }}
            and periods.end_date > months.month_start
),

valued as (
    select
        pieces.account_id,
        pieces.month_start,
        pieces.interest_rate,
        {{ days_between('pieces.first_date', 'pieces.end_date') }} as day_count,
        {{ days_in_own_currency('pieces.balance_amount', 'pieces') }}
            as balance_day_amount,
        case
            when
                pieces.end_date < least(
                    {{ add_months('pieces.month_start', 1) }},
                    cast({{ as_of() }} + interval 1 day as date)
                )
                then 0
            when pieces.currency_code = '{{ var("currency_code") }}'
                then cast(pieces.balance_amount as decimal(28, 4))
            else
                cast(
                    cast(pieces.balance_amount as double)
                    * cast(on_last.exchange_ratio as double) as decimal(28, 4)
                )
        end as closing_amount
    from pieces
    {{ join_exchange_ends('pieces') }}
    left join exchange_days as on_last
        on
            pieces.currency_code = on_last.currency_code
            and pieces.end_date = cast(on_last.on_date + interval 1 day as date)
),

balance_months as (
    select
        account_id,
        month_start,
        cast(coalesce(sum(balance_day_amount), 0) as decimal(28, 4))
            as balance_day_amount,
        cast(
            coalesce(
                sum(balance_day_amount) filter (where interest_rate is null), 0
            ) as decimal(28, 4)
        ) as unrated_balance_day_amount,
        -- Decimal before it is summed up: doubles add up otherwise in another order.
        cast(
            coalesce(
                sum(
                    cast(
                        cast(balance_day_amount as double)
                        * cast(interest_rate as double) as decimal(28, 8)
                    )
                ), 0
            ) as decimal(28, 8)
        ) as interest_day_amount,
        cast(coalesce(sum(closing_amount), 0) as decimal(28, 4)) as closing_amount,
        cast(sum(day_count) as bigint) as day_count
    from valued
    group by account_id, month_start
)

select * from balance_months
