-- One row per record, month, channel, activity and category: what the profile sums up
-- again whenever records change customers, so that no interaction is read for it.
{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        pre_hook="{{ forget_changed_months() }}"
    )
}}

-- depends_on: {{ ref('int_exchange_rates') }}

with interactions as (
    {{ interactions_of_changed_months() }}
),

exchange_days as (
    select * from {{ ref('int_exchange_days') }}
),

unit_costs as (
    select * from {{ ref('unit_costs') }}
),

record_months as (
    select
        interactions.record_id,
        {{ month_start('interactions.business_date') }} as month_start,
        interactions.channel,
        interactions.activity_code,
        interactions.category_code,
        count(*) as interaction_count,
        cast(
            sum(
                {{ in_own_currency(
                    'interactions.amount', 'interactions.currency_code'
                ) }}
            ) as decimal(18, 4)
        ) as total_amount,
        cast(coalesce(sum(unit_costs.unit_cost_amount), 0) as decimal(18, 4))
            as cost_to_serve_amount,
        cast(coalesce(sum(interactions.satisfaction_score), 0) as bigint)
            as satisfaction_score,
        count(interactions.satisfaction_score) as satisfaction_answer_count,
        max(interactions.occurred_at) as last_occurred_at
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
    group by
        interactions.record_id,
        {{ month_start('interactions.business_date') }},
        interactions.channel,
        interactions.activity_code,
        interactions.category_code
)

select * from record_months
order by month_start, record_id
