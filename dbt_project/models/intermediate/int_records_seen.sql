-- One row per record and month in which it has an interaction: who was ever there is
-- asked every night, and no interaction is read for it.
{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        tags=['before_identity'],
        pre_hook="{{ forget_changed_months() }}"
    )
}}

-- depends_on: {{ ref('int_exchange_rates') }}
-- depends_on: {{ ref('int_exchange_days') }}

with interactions as (
    {{ interactions_of_changed_months() }}
),

records_seen as (
    select distinct
        {{ month_start('business_date') }} as month_start,
        record_id
    from interactions
)

select * from records_seen
order by month_start, record_id
