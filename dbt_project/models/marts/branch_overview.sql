-- One row per business date, branch and tier with customers, from the bank's first day
-- on.
{%- set flows = placed_flows() %}
{%- set stocks = placed_stocks() %}
with branch_days as (
    select * from {{ ref('int_branch_days') }}
),

account_balances as (
    select * from {{ ref('int_account_balances') }}
),

cases_log as (
    select * from {{ ref('int_cases_log') }}
),

bounds as (
    select min(business_date) as first_date
    from (
        select business_date from branch_days
        where interaction_count > 0
        union all
        select business_date from account_balances
        union all
        select business_date from cases_log
    ) as known
),

days as (
    {{ day_spine('(select first_date from bounds)', as_of()) }}
),

-- What moved before the first day, such as the first of its month, stands on it.
stock_days as (
    select
        greatest(branch_days.business_date, bounds.first_date) as business_date,
        branch_days.branch_id,
        branch_days.tier,
    {%- for stock in stocks %}
        sum(branch_days.{{ stock }}) as {{ stock }}
        {{- "," if not loop.last }}
    {%- endfor %}
    from branch_days
    cross join bounds
    group by
        greatest(branch_days.business_date, bounds.first_date),
        branch_days.branch_id,
        branch_days.tier
),

groups as (
    select distinct
        branch_id,
        tier
    from branch_days
),

filled as (
    select
        days.on_date as business_date,
        groups.branch_id,
        groups.tier,
        coalesce(branch_days.active_customer_count, 0) as active_customer_count,
        {%- for flow in flows %}
            coalesce(branch_days.{{ flow }}, 0) as {{ flow }},
        {%- endfor %}
    {%- for stock in stocks %}
        sum(coalesce(stock_days.{{ stock }}, 0)) over (
            partition by groups.branch_id, groups.tier
            order by days.on_date
            ) as {{ stock }}
        {{- "," if not loop.last }}
    {%- endfor %}
    from days
    cross join groups
    left join branch_days
        on
            days.on_date = branch_days.business_date
            and groups.branch_id = branch_days.branch_id
            and groups.tier = branch_days.tier
    left join stock_days
        on
            days.on_date = stock_days.business_date
            and groups.branch_id = stock_days.branch_id
            and groups.tier = stock_days.tier
),

branch_overview as (
    select
        business_date,
        branch_id,
        tier,
        cast(customer_count as bigint) as customer_count,
        cast(active_customer_count as bigint) as active_customer_count,
        cast(interaction_count as bigint) as interaction_count,
        {{ in_cents('credit_amount') }} as credit_amount,
        {{ in_cents('debit_amount') }} as debit_amount,
        {{ in_cents('deposit_balance_amount') }} as deposit_balance_amount,
        {{ in_cents('loan_balance_amount') }} as loan_balance_amount,
        {{ in_cents('cost_to_serve_amount') }} as cost_to_serve_amount,
        cast(call_count as bigint) as inbound_call_count,
        cast(abandoned_call_count as bigint) as abandoned_call_count,
        cast(satisfaction_score as bigint) as satisfaction_score_sum,
        cast(satisfaction_answer_count as bigint) as satisfaction_answer_count,
        cast(case_opened_count as bigint) as case_opened_count,
        cast(open_case_count as bigint) as open_case_count,
        '{{ var("currency_code") }}' as currency_code
    from filled
)

select * from branch_overview
order by business_date, branch_id, tier
