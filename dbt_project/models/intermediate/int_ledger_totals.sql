-- One row per general-ledger account and business date.
{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        pre_hook="{{ forget_changed('core_banking.ledger_totals') }}"
    )
}}

with totals as (
    select * from {{ ref('stg_core_banking__ledger_totals') }}
),

ledger_totals as (
    select
        ledger_account_id,
        business_date,
        ledger_line_code,
        product_kind_code,
        currency_code,
        amount
    from totals
)

select * from ledger_totals
order by business_date, ledger_account_id
