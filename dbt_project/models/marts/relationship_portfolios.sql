-- One row per manager who may answer for customers: how many they are, how good, and
-- how they are looked after.
{%- set tiers = ['premium', 'ordinary', 'restricted', 'potential'] %}
{%- set counts = [
    'over_limit_customer_count', 'warned_customer_count', 'silent_customer_count',
    'open_case_count', 'overdue_case_count',
] %}
with managers as (
    select * from {{ ref('int_relationship_managers') }}
    where is_present
),

assignments as (
    select * from {{ ref('relationship_assignments') }}
),

customers as (
    select * from {{ ref('customers') }}
),

limits as (
    select * from {{ ref('relationship_limits') }}
    where {{ as_of() }} >= valid_from and {{ as_of() }} < valid_to
),

complaints as (
    select
        customer_key,
        count(*) as overdue_count
    from {{ ref('complaints') }}
    where state_code = 'overdue'
    group by customer_key
),

warned as (
    select customer_key
    from {{ ref('customer_signals') }}
    where is_warning
    group by customer_key
),

handed_in as (
    select
        to_employee_id as employee_id,
        count(*) as handover_count
    from {{ ref('relationship_handovers') }}
    group by to_employee_id
),

loads as (
    select
        assignments.employee_id,
        assignments.tier,
        count(*) / cast(limits.limit_count as double) as load_ratio
    from assignments
    inner join limits on assignments.tier = limits.tier
    group by assignments.employee_id, assignments.tier, limits.limit_count
),

fullest as (
    select
        employee_id,
        max(load_ratio) as load_ratio
    from loads
    group by employee_id
),

held as (
    select
        assignments.employee_id,
        count(*) as customer_count,
        {%- for tier in tiers %}
            count(*) filter (where assignments.tier = '{{ tier }}')
                as {{ tier }}_customer_count,
        {%- endfor %}
        count(*) filter (where assignments.is_over_limit) as over_limit_customer_count,
        sum(customers.deposit_balance_amount) as deposit_balance_amount,
        sum(customers.loan_balance_amount) as loan_balance_amount,
        sum(customers.trailing_contribution_amount) as trailing_contribution_amount,
        count(warned.customer_key) as warned_customer_count,
        sum(customers.open_case_count) as open_case_count,
        sum(coalesce(complaints.overdue_count, 0)) as overdue_case_count,
        count(*) filter (
            where
            coalesce(
                {{ days_between('customers.last_contact_date', as_of()) }}
                > {{ relationship_term('silent_days') }},
                true
            )
        ) as silent_customer_count
    from assignments
    inner join customers on assignments.customer_key = customers.customer_key
    left join complaints on assignments.customer_key = complaints.customer_key
    left join warned on assignments.customer_key = warned.customer_key
    group by assignments.employee_id
),

relationship_portfolios as (
    select
        managers.employee_id,
        coalesce(managers.team_id, managers.department_id) as team_id,
        managers.department_id,
        managers.job_title,
        cast(coalesce(held.customer_count, 0) as bigint) as customer_count,
        {%- for tier in tiers %}
            cast(coalesce(held.{{ tier }}_customer_count, 0) as bigint)
                as {{ tier }}_customer_count,
        {%- endfor %}
        {%- for count in counts %}
            cast(coalesce(held.{{ count }}, 0) as bigint) as {{ count }},
        {%- endfor %}
        cast(coalesce(handed_in.handover_count, 0) as bigint) as handed_over_count,
        coalesce(fullest.load_ratio, 0) as load_ratio,
        {{ in_cents('coalesce(held.deposit_balance_amount, 0)') }}
            as deposit_balance_amount,
        {{ in_cents('coalesce(held.loan_balance_amount, 0)') }} as loan_balance_amount,
        {{ in_cents('coalesce(held.trailing_contribution_amount, 0)') }}
            as trailing_contribution_amount,
        '{{ var("currency_code") }}' as currency_code
    from managers
    left join held on managers.employee_id = held.employee_id
    left join fullest on managers.employee_id = fullest.employee_id
    left join handed_in on managers.employee_id = handed_in.employee_id
)

select * from relationship_portfolios
order by employee_id
