-- One row per account, payer's account and business date on which money came in.
{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        tags=['before_identity'],
        pre_hook="{{ forget_changed('online_banking.payments') }}"
    )
}}

with payments as (
    select * from {{ ref('stg_online_banking__payments') }}
),

activities as (
    select * from {{ ref('activities') }}
),

incoming_payers as (
    select
        payments.account_id,
        payments.counterparty_account,
        payments.business_date,
        count(*) as payment_count
    from payments
    inner join activities on payments.activity_code = activities.activity_code
    where
        activities.direction_code = 'credit'
        and payments.counterparty_account is not null
    group by
        payments.account_id,
        payments.counterparty_account,
        payments.business_date
)

select * from incoming_payers
