-- One row per record, business date and channel with an interaction: what is summed up
-- again whenever records change customers, so that no interaction is read for it.
{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        pre_hook="{{ forget_changed_days() }}"
    )
}}

-- depends_on: {{ ref('int_exchange_rates') }}

with interactions as (
    select * from {{ ref('interactions') }}
    {% if is_incremental() %}
        where business_date in ({{ changed_days() }})
    {% endif %}
),

exchange_days as (
    select * from {{ ref('int_exchange_days') }}
),

unit_costs as (
    select * from {{ ref('unit_costs') }}
),

valued as (
    select
        interactions.*,
        {{ in_own_currency('interactions.amount', 'interactions.currency_code') }}
            as own_amount,
        unit_costs.unit_cost_amount
    from interactions
    left join exchange_days
        on
            interactions.currency_code = exchange_days.currency_code
            and interactions.business_date = exchange_days.on_date
    left join unit_costs
        on
            interactions.channel = unit_costs.channel
            and interactions.activity_code = unit_costs.activity_code
            and interactions.business_date >= unit_costs.valid_from
            and interactions.business_date < unit_costs.valid_to
),

record_days as (
    select
        record_id,
        business_date,
        channel,
        count(*) as interaction_count,
        count(*) filter (where kind_code = 'contact') as contact_count,
        count(*) filter (where activity_code = 'call') as call_count,
        count(*) filter (where activity_code = 'call' and outcome_code = 'abandoned')
            as abandoned_call_count,
        count(*) filter (where activity_code = 'case_opened') as case_opened_count,
        count(*) filter (where outcome_code like 'declined%') as declined_count,
        count(*) filter (where {{ local_hour('occurred_at') }} between 18 and 23)
            as evening_count,
        cast(coalesce(sum(wait_seconds), 0) as bigint) as wait_seconds,
        count(wait_seconds) as waited_count,
        {{ number_of('duration_seconds', 'duration_seconds > 0') }} as duration_seconds,
        count(*) filter (where duration_seconds > 0) as lasted_count,
        cast(coalesce(sum(satisfaction_score), 0) as bigint) as satisfaction_score,
        count(satisfaction_score) as satisfaction_answer_count,
        {{ amount_of('own_amount', "direction_code = 'credit'") }} as credit_amount,
        {{ amount_of('own_amount', "direction_code = 'debit'") }} as debit_amount,
        {{ amount_of(
            'own_amount', "activity_code in ('card_withdrawal', 'cash_withdrawal')"
        ) }} as cash_withdrawal_amount,
        cast(coalesce(sum(unit_cost_amount), 0) as decimal(18, 4))
            as cost_to_serve_amount
    from valued
    group by record_id, business_date, channel
)

select * from record_days
order by business_date, record_id
