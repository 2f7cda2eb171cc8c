-- One row per account and month: balance times days in the bank's currency, at the rate
-- of each day, so a rate a day applies to it; the same times the yearly interest; and
-- what stood at the month's end, or at the edition's date, also as it was told.
{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        pre_hook="{{ forget_restated('account') }}"
    )
}}

-- depends_on: {{ ref('restated_from') }}
-- depends_on: {{ ref('account_fingerprints') }}

with accounts as (
    select * from {{ ref('int_accounts') }}
),

balances as (
    {{ restated_balances(this, 'account', restated('account')) }}
),

periods as (
    {{ balance_periods('balances') }}
),

exchange_days as (
    select * from {{ ref('int_exchange_days') }}
),

-- Spread over its months and not joined with them: of such a join the engine expects
-- few rows, and puts all of them into memory for the next one.
spread as (
    select
        *,
        {{ each_month('first_date', 'end_date - interval 1 day') }} as month_start
    from periods
),

pieces as (
    select
        account_id,
        month_start,
        currency_code,
        balance_amount,
        interest_rate,
        told_interest_rate,
        greatest(first_date, month_start) as first_date,
        least(end_date, {{ add_months('month_start', 1) }}) as end_date
    from spread
    where {{ is_restated('account') }}
),

valued as (
    select
        pieces.account_id,
        pieces.month_start,
        pieces.interest_rate,
        pieces.balance_amount as told_balance_amount,
        pieces.told_interest_rate,
        pieces.end_date >= least(
            {{ add_months('pieces.month_start', 1) }},
            cast({{ as_of() }} + interval 1 day as date)
        ) as is_closing,
        {{ days_between('pieces.first_date', 'pieces.end_date') }} as day_count,
        {{ days_in_own_currency('pieces.balance_amount', 'pieces') }}
            as balance_day_amount,
        case
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
        cast(
            coalesce(sum(closing_amount) filter (where is_closing), 0)
            as decimal(28, 4)
        ) as closing_amount,
        cast(sum(day_count) as bigint) as day_count,
        -- What the next month begins with, as it was told.
        max(told_balance_amount) filter (where is_closing) as told_balance_amount,
        max(told_interest_rate) filter (where is_closing) as told_interest_rate
    from valued
    group by account_id, month_start
)

select * from balance_months
order by month_start
