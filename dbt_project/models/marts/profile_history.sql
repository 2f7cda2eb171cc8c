-- One row per customer and month from the first in which it is known.
with assessments as (
    select * from {{ ref('int_tier_assessments') }}
),

holding_months as (
    select * from {{ ref('int_holding_months') }}
),

customer_months as (
    select * from {{ ref('int_customer_months') }}
),

contributions as (
    select * from {{ ref('customer_contribution_monthly') }}
),

customer_tiers as (
    select * from {{ ref('customer_tiers') }}
),

basics as (
    select * from {{ ref('int_customer_basics') }}
),

dated as (
    select
        customer_key,
        month_start,
        least(
            cast({{ add_months('month_start', 1) }} - interval 1 day as date),
            {{ as_of() }}
        ) as as_of_date,
        trailing_contribution_amount
    from assessments
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
        cast(coalesce(holding_months.open_account_count, 0) as bigint)
            as open_account_count,
        cast(coalesce(holding_months.product_kind_count, 0) as bigint)
            as product_kind_count,
        holding_months.product_kinds,
        coalesce(holding_months.deposit_balance_amount, 0) as deposit_balance_amount,
        coalesce(holding_months.loan_balance_amount, 0) as loan_balance_amount,
        cast(coalesce(customer_months.interaction_count, 0) as bigint)
            as interaction_count,
        cast(coalesce(customer_months.transaction_count, 0) as bigint)
            as transaction_count,
        {{ in_cents('coalesce(customer_months.debit_amount, 0)') }}
            as debit_amount,
        {{ in_cents('coalesce(customer_months.credit_amount, 0)') }}
            as credit_amount,
        {{ in_cents('coalesce(customer_months.salary_amount, 0)') }}
            as salary_amount,
        {{ in_cents('coalesce(customer_months.cash_withdrawal_amount, 0)') }}
            as cash_withdrawal_amount,
        cast(coalesce(customer_months.call_count, 0) as bigint) as call_count,
        cast(coalesce(customer_months.case_opened_count, 0) as bigint)
            as case_opened_count,
        cast(
            customer_months.satisfaction_score
            / nullif(cast(customer_months.satisfaction_answer_count as double), 0)
            as double
        ) as satisfaction_average,
        coalesce(contributions.cost_to_serve_amount, 0) as cost_to_serve_amount,
        coalesce(contributions.contribution_amount, 0) as contribution_amount,
        {{ in_cents('dated.trailing_contribution_amount') }}
            as trailing_contribution_amount,
        '{{ var("currency_code") }}' as currency_code
    from dated
    left join holding_months
        on
            dated.customer_key = holding_months.customer_key
            and dated.month_start = holding_months.month_start
    left join customer_months
        on
            dated.customer_key = customer_months.customer_key
            and dated.month_start = customer_months.month_start
    left join contributions
        on
            dated.customer_key = contributions.customer_key
            and dated.month_start = contributions.month_start
    left join customer_tiers
        on
            dated.customer_key = customer_tiers.customer_key
            and dated.as_of_date >= customer_tiers.valid_from
            and dated.as_of_date < customer_tiers.valid_to
    left join basics on dated.customer_key = basics.customer_key
)

select * from profile_history
order by month_start, customer_key
