-- One row per call or message, either way: what contacts are followed by, so that no
-- other interaction is read for it.
{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        on_schema_change='fail',
        pre_hook="{{ forget_changed_days() }}"
    )
}}

-- depends_on: {{ ref('int_exchange_days') }}
-- depends_on: {{ ref('int_exchange_rates') }}

with interactions as (
    select * from {{ ref('interactions') }}
    where
        activity_code in ('call', 'message_in', 'message_out')
    {% if is_incremental() %}
        and business_date in ({{ changed_days() }})
    {% endif %}
),

calls_and_messages as (
    select
        interaction_id,
        record_id,
        channel,
        activity_code,
        business_date,
        occurred_at,
        employee_id,
        category_code,
        outcome_code,
        wait_seconds,
        duration_seconds,
        satisfaction_score
    from interactions
)

select * from calls_and_messages
order by business_date
