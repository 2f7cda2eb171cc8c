-- One row per account whose balance is known: what was told of it last, and since when
-- it is so.
with account_balances as (
    select * from {{ ref('int_account_balances') }}
),

latest_balances as (
    select
        account_id,
        business_date as since_date,
        balance_amount,
        interest_rate,
        overdue_days
    from account_balances
    qualify
        row_number() over (
            partition by account_id
            order by business_date desc
        ) = 1
)

select * from latest_balances
