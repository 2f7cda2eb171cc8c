-- One row per customer and month with an interaction, in whatever channel.
{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        pre_hook="{{ forget_restated('customer') }}"
    )
}}

-- depends_on: {{ ref('restated_from') }}
-- depends_on: {{ ref('customer_fingerprints') }}

with record_months as (
    {{ restated_records(ref('int_record_months'), 'customer') }}
),

activities as (
    select * from {{ ref('activities') }}
),

bridge as (
    select * from {{ source('identity', 'customer_identity') }}
    where customer_key is not null
),

customer_months as (
    select
        bridge.customer_key,
        record_months.month_start,
        cast(sum(record_months.interaction_count) as bigint) as interaction_count,
        cast(
            coalesce(
                sum(record_months.interaction_count) filter (
                    where activities.kind_code = 'transaction'
                ), 0
            ) as bigint
        ) as transaction_count,
        cast(
            coalesce(
                sum(record_months.total_amount) filter (
                    where activities.direction_code = 'debit'
                ), 0
            ) as decimal(18, 4)
        ) as debit_amount,
        cast(
            coalesce(
                sum(record_months.total_amount) filter (
                    where activities.direction_code = 'credit'
                ), 0
            ) as decimal(18, 4)
        ) as credit_amount,
    {%- for name, codes in {
        'fee': "'fee', 'penalty_interest'",
        'penalty': "'penalty_interest'",
        'salary': "'salary', 'pension'",
        'card_purchase': "'card_purchase'",
        'cash_withdrawal': "'card_withdrawal', 'cash_withdrawal'",
    }.items() %}
            cast(
                coalesce(
                    sum(record_months.interaction_count) filter (
                        where record_months.activity_code in ({{ codes }})
                    ), 0
                ) as bigint
            ) as {{ name }}_count,
            cast(
                coalesce(
                    sum(record_months.total_amount) filter (
                        where record_months.activity_code in ({{ codes }})
                    ), 0
                ) as decimal(18, 4)
            ) as {{ name }}_amount,
        {%- endfor %}
        cast(
            coalesce(
                sum(record_months.interaction_count) filter (
                    where record_months.channel = 'online_banking'
                ), 0
            ) as bigint
        ) as online_interaction_count,
        cast(
            coalesce(
                sum(record_months.interaction_count) filter (
                    where record_months.activity_code = 'call'
                ), 0
            ) as bigint
        ) as call_count,
        cast(
            coalesce(
                sum(record_months.interaction_count) filter (
                    where record_months.activity_code = 'case_opened'
                ), 0
            ) as bigint
        ) as case_opened_count,
        cast(coalesce(sum(record_months.satisfaction_score), 0) as bigint)
            as satisfaction_score,
        cast(coalesce(sum(record_months.satisfaction_answer_count), 0) as bigint)
            as satisfaction_answer_count,
        cast(sum(record_months.cost_to_serve_amount) as decimal(18, 4))
            as cost_to_serve_amount
    from record_months
    inner join bridge on record_months.record_id = bridge.record_id
    left join activities on record_months.activity_code = activities.activity_code
    group by bridge.customer_key, record_months.month_start
)

select * from customer_months
