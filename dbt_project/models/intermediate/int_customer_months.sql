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
        {{ number_of(
            'record_months.interaction_count', "activities.kind_code = 'transaction'"
        ) }} as transaction_count,
        {{ amount_of(
            'record_months.total_amount', "activities.direction_code = 'debit'"
        ) }} as debit_amount,
        {{ amount_of(
            'record_months.total_amount', "activities.direction_code = 'credit'"
        ) }} as credit_amount,
    {%- for name, codes in {
        'fee': "'fee', 'penalty_interest'",
        'penalty': "'penalty_interest'",
        'salary': "'salary', 'pension'",
        'card_purchase': "'card_purchase'",
        'cash_withdrawal': "'card_withdrawal', 'cash_withdrawal'",
    }.items() %}
            {{ number_of(
                'record_months.interaction_count',
                'record_months.activity_code in (' ~ codes ~ ')'
            ) }} as {{ name }}_count,
            {{ amount_of(
                'record_months.total_amount',
                'record_months.activity_code in (' ~ codes ~ ')'
            ) }} as {{ name }}_amount,
        {%- endfor %}
        {{ number_of(
            'record_months.interaction_count', "record_months.channel = 'online_banking'"
        ) }} as online_interaction_count,
        {{ number_of(
            'record_months.interaction_count', "record_months.activity_code = 'call'"
        ) }} as call_count,
        {{ number_of(
            'record_months.interaction_count', "record_months.activity_code = 'case_opened'"
        ) }} as case_opened_count,
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
order by month_start
