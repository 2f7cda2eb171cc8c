-- One row per customer and whole month at whose end it had deposits to lose: what
-- attrition is forecast from, all of it known by then. A quarter is the month and the
-- two before it; months before a customer was known count as the ones it has.
{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        pre_hook="{{ forget_restated('customer') }}"
    )
}}

-- depends_on: {{ ref('restated_from') }}
-- depends_on: {{ ref('customer_fingerprints') }}

with profile_history as (
    {{ restated_rows(ref('profile_history'), 'customer', months_earlier=12) }}
),

terms as (
    select {{ signal_term('attrition_least_balance') }} as least_balance
),

-- The months to tell of: whole ones, with deposits to lose.
told_months as (
    select
        profile_history.customer_key,
        profile_history.month_start,
        profile_history.as_of_date,
        profile_history.age_years,
        profile_history.product_kind_count,
        profile_history.loan_balance_amount,
        profile_history.salary_amount,
        profile_history.deposit_balance_amount
    from profile_history
    cross join terms
    where
        cast(profile_history.deposit_balance_amount as double) >= terms.least_balance
        and profile_history.as_of_date
        = cast(
            {{ add_months('profile_history.month_start', 1) }} - interval 1 day as date
        )
        and {{ is_restated('customer') }}
),

-- Each with the year that it ends: few months are told in a night, and windows over all
-- months of everyone cost three times as much.
years as (
    select
        told_months.customer_key,
        told_months.month_start,
        date_diff('month', months.month_start, told_months.month_start) as months_ago,
        months.deposit_balance_amount,
        cast(cast(months.deposit_balance_amount as decimal(28, 2)) * 100 as hugeint)
            as deposit_cents,
        months.debit_amount,
        months.credit_amount,
        months.salary_amount,
        months.interaction_count,
        months.case_opened_count,
        months.call_count
    from told_months
    inner join profile_history as months
        on
            told_months.customer_key = months.customer_key
            and told_months.month_start >= months.month_start
            and {{ add_months('told_months.month_start', -12) }} < months.month_start
),

-- Added up exactly, for doubles come to something else in another order.
summed as (
    select
        customer_key,
        month_start,
        cast(sum(deposit_balance_amount) {{ months_before(3, 1) }} as double)
        / nullif(count(*) {{ months_before(3, 1) }}, 0) as usual_amount,
        cast(max(deposit_balance_amount) as double) as peak_amount,
        count(*) {{ months_before(5) }} as month_count,
        sum(deposit_cents) {{ months_before(5) }} as deposit_cents,
        sum(deposit_cents * deposit_cents) {{ months_before(5) }}
            as deposit_square_cents,
        sum(debit_amount) {{ months_before(2) }}
        - sum(credit_amount) {{ months_before(2) }} as outflow_amount,
        sum(interaction_count) {{ months_before(2) }} as quarter_count,
        coalesce(sum(interaction_count) {{ months_before(5, 3) }}, 0) as earlier_count,
        sum(salary_amount) {{ months_before(2) }} as quarter_salary_amount,
        min(salary_amount) {{ months_before(3, 1) }} as least_salary_amount,
        sum(case_opened_count) {{ months_before(2) }} as case_count,
        sum(call_count) {{ months_before(2) }} as call_count
    from years
    group by customer_key, month_start
),

rich as (
    select
        told_months.customer_key,
        told_months.month_start,
        told_months.as_of_date,
        told_months.age_years,
        told_months.product_kind_count,
        told_months.loan_balance_amount,
        told_months.salary_amount,
        cast(told_months.deposit_balance_amount as double) as deposit_amount,
        summed.usual_amount,
        summed.peak_amount,
        summed.month_count,
        -- The deviation over the average, of both of which the count falls out.
        coalesce(
            sqrt(
                cast(
                    summed.month_count * summed.deposit_square_cents
                    - summed.deposit_cents * summed.deposit_cents as double
                )
            ) / nullif(cast(summed.deposit_cents as double), 0), 0
        ) as variation_ratio,
        cast(summed.outflow_amount as double) as outflow_amount,
        cast(summed.quarter_count as double) as quarter_count,
        cast(summed.earlier_count as double) as earlier_count,
        summed.quarter_salary_amount,
        summed.least_salary_amount,
        cast(summed.case_count as double) as case_count,
        cast(summed.call_count as double) as call_count
    from told_months
    inner join summed
        on
            told_months.customer_key = summed.customer_key
            and told_months.month_start = summed.month_start
),

-- Bounded, so that no single figure speaks louder than all others together.
measured as (
    select
        customer_key,
        month_start,
        as_of_date,
        ln(deposit_amount) as deposit_amount_log,
        case
            when usual_amount is null then 1.0
            else
                least(deposit_amount / greatest(usual_amount, 1.0), 2.0)
        end as deposit_change_ratio,
        deposit_amount / peak_amount as deposit_peak_ratio,
        least(variation_ratio, 2.0) as deposit_variation_ratio,
        greatest(least(outflow_amount / deposit_amount, 1.0), -1.0) as outflow_ratio,
        ln(1 + quarter_count) as interaction_count_log,
        case
            when month_count < 6 then 0.0
            else
                greatest(
                    least(ln((1 + quarter_count) / (1 + earlier_count)), 3.0), -3.0
                )
        end as interaction_change_log,
        case when quarter_salary_amount > 0 then 1.0 else 0.0 end as has_salary,
        case
            when least_salary_amount > 0 and salary_amount = 0 then 1.0 else 0.0
        end as has_salary_stopped,
        case when loan_balance_amount > 0 then 1.0 else 0.0 end as has_loan,
        cast(product_kind_count as double) as product_kind_count,
        least(case_count, 3.0) as case_opened_count,
        ln(1 + call_count) as call_count_log,
        coalesce(age_years, 45) / 10.0 as age_decades
    from rich
),

attrition_features as (
    select
        {%- for feature in attrition_features() %}
            cast({{ feature }} as double) as {{ feature }},
        {%- endfor %}
        customer_key,
        month_start,
        as_of_date
    from measured
)

select * from attrition_features
order by month_start
