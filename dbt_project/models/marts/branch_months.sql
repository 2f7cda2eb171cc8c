-- One row per month, branch and tier with customers at its end.
{%- set lines = [
    'deposit_interest', 'loan_interest', 'fee', 'cost_to_serve', 'expected_loss', 'tax',
    'capital_charge', 'contribution',
] %}
{%- set compared = [
    'customer_count', 'active_customer_count', 'deposit_balance_amount',
    'loan_balance_amount', 'cost_to_serve_amount', 'contribution_amount',
    'case_opened_count', 'satisfaction_average',
] %}
with contributions as (
    select * from {{ ref('customer_contribution_monthly') }}
),

customer_months as (
    select * from {{ ref('int_customer_months') }}
),

places as (
    select * from {{ ref('int_customer_places') }}
),

branch_overview as (
    select * from {{ ref('branch_overview') }}
),

months as (
    {{ month_spine('(select min(business_date) from branch_overview)', as_of()) }}
),

month_ends as (
    select
        month_start,
        least(
            cast({{ add_months('month_start', 1) }} - interval 1 day as date),
            {{ as_of() }}
        ) as end_date
    from months
),

-- A month is its last day's: whoever is in a tier then counts there for all of it.
placed as (
    select
        month_ends.month_start,
        places.customer_key,
        places.branch_id,
        places.tier
    from month_ends
    inner join places
        on
            month_ends.end_date >= places.valid_from
            and month_ends.end_date < places.valid_to
),

summed as (
    select
        placed.month_start,
        placed.branch_id,
        placed.tier,
        count(*) as customer_count,
        count(customer_months.customer_key) as active_customer_count,
        {%- for line in lines %}
            cast(coalesce(sum(contributions.{{ line }}_amount), 0) as decimal(18, 2))
                as {{ line }}_amount,
        {%- endfor %}
        cast(coalesce(sum(customer_months.case_opened_count), 0) as bigint)
            as case_opened_count,
        cast(
            sum(customer_months.satisfaction_score)
            / nullif(
                cast(sum(customer_months.satisfaction_answer_count) as double), 0
            ) as double
        ) as satisfaction_average
    from placed
    left join contributions
        on
            placed.customer_key = contributions.customer_key
            and placed.month_start = contributions.month_start
    left join customer_months
        on
            placed.customer_key = customer_months.customer_key
            and placed.month_start = customer_months.month_start
    group by placed.month_start, placed.branch_id, placed.tier
),

with_balances as (
    select
        summed.*,
        coalesce(branch_overview.deposit_balance_amount, 0) as deposit_balance_amount,
        coalesce(branch_overview.loan_balance_amount, 0) as loan_balance_amount
    from summed
    inner join month_ends on summed.month_start = month_ends.month_start
    left join branch_overview
        on
            month_ends.end_date = branch_overview.business_date
            and summed.branch_id = branch_overview.branch_id
            and summed.tier = branch_overview.tier
),

branch_months as (
    select
        with_balances.month_start,
        with_balances.branch_id,
        with_balances.tier,
        with_balances.customer_count,
        with_balances.active_customer_count,
        with_balances.deposit_balance_amount,
        with_balances.loan_balance_amount,
        {%- for line in lines %}
            with_balances.{{ line }}_amount,
        {%- endfor %}
        with_balances.case_opened_count,
        with_balances.satisfaction_average,
        {{ against_year_before('with_balances', compared) }},
        '{{ var("currency_code") }}' as currency_code
    from with_balances
    left join with_balances as earlier
        on
            {{ add_months('with_balances.month_start', -12) }} = earlier.month_start
            and with_balances.branch_id = earlier.branch_id
            and with_balances.tier = earlier.tier
)

select * from branch_months
order by month_start, branch_id, tier
