-- One row per account and business date on which its balance is known.
{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        pre_hook="{{ forget_changed('core_banking.balances') }}"
    )
}}

with balances as (
    select * from {{ ref('stg_core_banking__balances') }}
),

account_balances as (
    select
        account_id,
        business_date,
        balance_amount,
        interest_rate,
        overdue_days
    from balances
)

select * from account_balances
order by business_date, account_id
