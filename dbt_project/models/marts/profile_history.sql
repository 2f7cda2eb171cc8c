-- One row per customer and month from the first in which it is known.
{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        on_schema_change='fail',
        pre_hook="{{ forget_restated('placement') }}"
    )
}}

-- depends_on: {{ ref('restated_from') }}
-- depends_on: {{ ref('placement_fingerprints') }}

{#- Which figures of a customer's month come from where. -#}
{%- set parts = {
    'int_tier_assessments': ['trailing_contribution_amount'],
    'int_holding_months': [
        'open_account_count', 'product_kind_count', 'product_kinds',
        'deposit_balance_amount', 'loan_balance_amount',
    ],
    'int_customer_months': [
        'interaction_count', 'transaction_count', 'debit_amount', 'credit_amount',
        'salary_amount', 'cash_withdrawal_amount', 'call_count', 'case_opened_count',
        'satisfaction_score', 'satisfaction_answer_count',
    ],
    'customer_contribution_monthly': ['cost_to_serve_amount', 'contribution_amount'],
} %}
{%- set columns = parts.values() | sum(start=[]) %}
with customer_tiers as (
    select * from {{ ref('customer_tiers') }}
),

basics as (
    select * from {{ ref('int_customer_basics') }}
),

-- Put below each other and summed up by month, not joined: of a million customers and a
-- year three joins at once do not fit into the memory that a night has.
told as (
    {%- for part in parts %}
        select
            customer_key,
            month_start,
            '{{ part }}' as part,
        {%- for column in columns %}
            {{ column if column in parts[part] else 'null' }} as {{ column }}
            {{- "," if not loop.last }}
        {%- endfor %}
        from ({{ restated_rows(ref(part), 'placement') }}) as {{ part }}
        {{- "\n        union all" if not loop.last }}
    {%- endfor %}
),

months as (
    select
        customer_key,
        month_start,
    {%- for column in columns %}
        max({{ column }}) as {{ column }}
        {{- "," if not loop.last }}
    {%- endfor %}
    from told
    group by customer_key, month_start
    having bool_or(part = 'int_tier_assessments')
),

dated as (
    select
        *,
        least(
            cast({{ add_months('month_start', 1) }} - interval 1 day as date),
            {{ as_of() }}
        ) as as_of_date
    from months
),

profile_history as (
    select
        dated.customer_key,
        dated.month_start,
        dated.as_of_date,
        customer_tiers.tier,
        {{ age_years('basics.birth_date', 'dated.as_of_date') }} as age_years,
        case
            when basics.risk_assessed_date <= dated.as_of_date
                then basics.risk_level_code
        end as declared_risk_level_code,
        cast(coalesce(dated.open_account_count, 0) as bigint)
            as open_account_count,
        cast(coalesce(dated.product_kind_count, 0) as bigint)
            as product_kind_count,
        dated.product_kinds,
        coalesce(dated.deposit_balance_amount, 0) as deposit_balance_amount,
        coalesce(dated.loan_balance_amount, 0) as loan_balance_amount,
        cast(coalesce(dated.interaction_count, 0) as bigint)
            as interaction_count,
        cast(coalesce(dated.transaction_count, 0) as bigint)
            as transaction_count,
        {{ in_cents('coalesce(dated.debit_amount, 0)') }}
            as debit_amount,
        {{ in_cents('coalesce(dated.credit_amount, 0)') }}
            as credit_amount,
        {{ in_cents('coalesce(dated.salary_amount, 0)') }}
            as salary_amount,
        {{ in_cents('coalesce(dated.cash_withdrawal_amount, 0)') }}
            as cash_withdrawal_amount,
        cast(coalesce(dated.call_count, 0) as bigint) as call_count,
        cast(coalesce(dated.case_opened_count, 0) as bigint)
            as case_opened_count,
        cast(
            dated.satisfaction_score
            / nullif(cast(dated.satisfaction_answer_count as double), 0)
            as double
        ) as satisfaction_average,
        coalesce(dated.cost_to_serve_amount, 0) as cost_to_serve_amount,
        coalesce(dated.contribution_amount, 0) as contribution_amount,
        {{ in_cents('dated.trailing_contribution_amount') }}
            as trailing_contribution_amount,
        '{{ var("currency_code") }}' as currency_code
    from dated
    left join customer_tiers
        on
            dated.customer_key = customer_tiers.customer_key
            and dated.as_of_date >= customer_tiers.valid_from
            and dated.as_of_date < customer_tiers.valid_to
    left join basics on dated.customer_key = basics.customer_key
)

select * from profile_history
order by month_start, customer_key
