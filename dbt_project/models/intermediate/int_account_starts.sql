-- One row per account: the first month of which a balance is known.
{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        pre_hook="{{ forget_restated('account', day='first_month') }}"
    )
}}

-- depends_on: {{ ref('restated_from') }}
-- depends_on: {{ ref('account_fingerprints') }}

with balance_months as (
    {{ restated_rows(ref('int_balance_months'), 'account') }}
),

account_starts as (
    select
        account_id,
        min(month_start) as first_month
    from balance_months
    {% if is_incremental() %}
        where account_id not in (select known.account_id from {{ this }} as known)
    {% endif %}
    group by account_id
)

select * from account_starts
