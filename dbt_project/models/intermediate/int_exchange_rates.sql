-- One row per foreign currency and business date on which its rate is known.
{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        pre_hook="{{ forget_changed('core_banking.exchange_rates') }}"
    )
}}

with rates as (
    select * from {{ ref('stg_core_banking__exchange_rates') }}
),

exchange_rates as (
    select
        currency_code,
        business_date,
        exchange_ratio
    from rates
    where currency_code <> '{{ var("currency_code") }}'
)

select * from exchange_rates
order by business_date, currency_code
