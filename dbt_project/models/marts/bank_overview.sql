-- One row per business date, from the bank's first day on.
{%- set compared = [
    'customer_count', 'active_customer_count', 'deposit_balance_amount',
    'loan_balance_amount', 'cost_to_serve_amount', 'case_opened_count',
    'satisfaction_average',
] %}
with branch_overview as (
    select * from {{ ref('branch_overview') }}
),

summed as (
    select
        business_date,
        cast(sum(customer_count) as bigint) as customer_count,
        cast(sum(active_customer_count) as bigint) as active_customer_count,
        cast(sum(interaction_count) as bigint) as interaction_count,
        {{ in_cents('sum(credit_amount)') }} as credit_amount,
        {{ in_cents('sum(debit_amount)') }} as debit_amount,
        {{ in_cents('sum(deposit_balance_amount)') }} as deposit_balance_amount,
        {{ in_cents('sum(loan_balance_amount)') }} as loan_balance_amount,
        {{ in_cents('sum(cost_to_serve_amount)') }} as cost_to_serve_amount,
        cast(sum(inbound_call_count) as bigint) as inbound_call_count,
        cast(sum(abandoned_call_count) as bigint) as abandoned_call_count,
        cast(
            sum(satisfaction_score_sum)
            / nullif(cast(sum(satisfaction_answer_count) as double), 0) as double
        ) as satisfaction_average,
        cast(sum(satisfaction_answer_count) as bigint) as satisfaction_answer_count,
        cast(sum(case_opened_count) as bigint) as case_opened_count,
        cast(sum(open_case_count) as bigint) as open_case_count
    from branch_overview
    group by business_date
),

bank_overview as (
    select
        summed.*,
        {{ against_year_before('summed', compared) }},
        '{{ var("currency_code") }}' as currency_code
    from summed
    left join summed as earlier
        on {{ add_months('summed.business_date', -12) }} = earlier.business_date
)

select * from bank_overview
order by business_date
