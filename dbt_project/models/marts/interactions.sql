-- One row per contact or transaction, in any channel.
{%- set parts = [
    'stg_interactions__atm_transactions',
    'stg_interactions__calls',
    'stg_interactions__campaign_contacts',
    'stg_interactions__cases',
    'stg_interactions__mailbox',
    'stg_interactions__messages',
    'stg_interactions__payments',
    'stg_interactions__postings',
    'stg_interactions__sessions',
] %}
{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        on_schema_change='fail',
        tags=['before_identity'],
        pre_hook="{{ forget_changed() }}"
    )
}}

with new_interactions as (
    {%- for part in parts %}
        select {{ interaction_columns() | join(', ') }}
        from {{ ref(part) }}
        {{- "\n    union all" if not loop.last }}
    {%- endfor %}
),

activities as (
    select * from {{ ref('activities') }}
),

interactions as (
    select
        new_interactions.interaction_id,
        new_interactions.channel,
        new_interactions.feed,
        new_interactions.business_date,
        new_interactions.occurred_at,
        new_interactions.record_id,
        activities.kind_code,
        new_interactions.activity_code,
        activities.direction_code,
        new_interactions.outcome_code,
        new_interactions.category_code,
        new_interactions.amount,
        new_interactions.currency_code,
        new_interactions.account_id,
        new_interactions.employee_id,
        new_interactions.wait_seconds,
        new_interactions.duration_seconds,
        new_interactions.satisfaction_score
    from new_interactions
    left join activities
        on new_interactions.activity_code = activities.activity_code
)

select * from interactions
-- Sorted by record within each day, so that one customer's timeline reads few blocks.
order by business_date, record_id, occurred_at, interaction_id
