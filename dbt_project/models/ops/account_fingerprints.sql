-- One row per account: a fingerprint of what its months are computed from, balances
-- apart, and since when that is other than the base's.
{{
    config(
        materialized='incremental',
        incremental_strategy='delete+insert',
        on_schema_change='fail',
        unique_key='account_id',
        post_hook="{{ forget_gone('fingerprint') }}"
    )
}}

with accounts as (
    select * from {{ ref('int_accounts') }}
),

loans as (
    select * from {{ ref('stg_core_banking__loans') }}
),

latest_balances as (
    select * from {{ ref('int_latest_balances') }}
),

account_loans as (
    select
        account_id,
        min(granted_date) as granted_date,
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
            'accounts.currency_code',
            'accounts.interest_rate',
            'accounts.tenor_months',
            'accounts.loan_state_code',
            'account_loans.fingerprint',
        ]) }} as fingerprint,
        accounts.closed_date,
        least(accounts.opened_date, account_loans.granted_date) as first_date
    from accounts
    left join account_loans on accounts.account_id = account_loans.account_id
    union all
    -- Its months are there before the register knows it.
    select
        account_id,
        cast(0 as ubigint) as fingerprint,
        cast(null as date) as closed_date,
        cast(null as date) as first_date
    from latest_balances
    where account_id not in (select accounts.account_id from accounts)
),

-- Of a new one, months since it was opened are new; who closes one has its past.
account_fingerprints as (
    {{ against_base(
        'fingerprints',
        'account_id',
        ['fingerprint', 'closed_date'],
        since="case
            when base.account_id is null then " ~ month_start('now.first_date') ~ "
            when now.fingerprint = base.fingerprint
                then " ~ month_start('least(now.closed_date, base.closed_date)') ~ "
            else date '0001-01-01'
        end"
    ) }}
)

select * from account_fingerprints
