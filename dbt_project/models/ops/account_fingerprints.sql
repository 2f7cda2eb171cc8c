-- One row per account: a fingerprint of what its months are computed from, balances
-- apart, and whether that is other than the base's.
{{
    config(
        materialized='incremental',
        incremental_strategy='delete+insert',
        on_schema_change='fail',
        unique_key='account_id',
        post_hook="{{ forget_gone() }}"
    )
}}

with accounts as (
    select * from {{ ref('int_accounts') }}
),

loans as (
    select * from {{ ref('stg_core_banking__loans') }}
),

account_loans as (
    select
        account_id,
        bit_xor(
            {{ fingerprint([
                'loan_id', 'granted_date', 'principal_amount', 'duration_months',
                'loan_state_code',
            ]) }}
        ) as fingerprint
    from loans
    group by account_id
),

fingerprints as (
    select
        accounts.account_id,
        {{ fingerprint([
            'accounts.product_kind_code',
            'accounts.side_code',
            'accounts.group_code',
            'accounts.opened_date',
            'accounts.closed_date',
            'accounts.currency_code',
            'accounts.interest_rate',
            'accounts.tenor_months',
            'accounts.loan_state_code',
            'account_loans.fingerprint',
        ]) }} as fingerprint
    from accounts
    left join account_loans on accounts.account_id = account_loans.account_id
),

account_fingerprints as (
    {{ against_base('fingerprints', 'account_id') }}
)

select * from account_fingerprints
