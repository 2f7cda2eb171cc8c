-- One row per month, kind of product and currency that the ledger or an account tells
-- of.
with ledger_months as (
    select * from {{ ref('int_ledger_months') }}
),

ledger_positions as (
    select
        month_start,
        product_kind_code,
        held_currency_code,
        day_count,
        cast(told_day_count as bigint) as told_day_count,
        cast(ledger_balance_day_amount / day_count as decimal(18, 2))
            as ledger_average_balance_amount,
        cast(account_balance_day_amount / day_count as decimal(18, 2))
            as account_average_balance_amount,
        cast(ledger_interest_amount as decimal(18, 2)) as ledger_interest_amount,
        cast(account_interest_amount as decimal(18, 2)) as account_interest_amount,
        '{{ var("currency_code") }}' as currency_code
    from ledger_months
    where told_day_count > 0
)

select * from ledger_positions
order by month_start, product_kind_code, held_currency_code
