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
        profile_history.month_start
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

months as (
    select
        *,
        cast(deposit_balance_amount as double) as deposit_amount
    from profile_history
    where customer_key in (select told_months.customer_key from told_months)
),

followed as (
    select
        customer_key,
        month_start,
        as_of_date,
        age_years,
        product_kind_count,
        loan_balance_amount,
        salary_amount,
        deposit_amount,
        avg(deposit_amount) {{ months_before(3, 1) }} as usual_amount,
        max(deposit_amount) {{ months_before(11) }} as peak_amount,
        coalesce(
            stddev_pop(deposit_amount) {{ months_before(5) }}
            / nullif(avg(deposit_amount) {{ months_before(5) }}, 0), 0
        ) as variation_ratio,
        cast(
            sum(debit_amount) {{ months_before(2) }}
            - sum(credit_amount) {{ months_before(2) }} as double
        ) as outflow_amount,
        cast(sum(interaction_count) {{ months_before(2) }} as double)
            as quarter_count,
        cast(coalesce(sum(interaction_count) {{ months_before(5, 3) }}, 0) as double)
            as earlier_count,
        count(*) {{ months_before(5) }} as month_count,
        sum(salary_amount) {{ months_before(2) }} as quarter_salary_amount,
        min(salary_amount) {{ months_before(3, 1) }} as least_salary_amount,
        cast(sum(case_opened_count) {{ months_before(2) }} as double) as case_count,
        cast(sum(call_count) {{ months_before(2) }} as double) as call_count
    from months
),

rich as (
    select followed.*
    from followed
    inner join told_months
        on
            followed.customer_key = told_months.customer_key
            and followed.month_start = told_months.month_start
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
