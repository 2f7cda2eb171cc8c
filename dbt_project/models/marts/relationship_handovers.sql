-- One row per customer who is to be handed over: who answered for it before, why no
-- longer, and what the one who takes over should know.
with assignments as (
    select * from {{ ref('relationship_assignments') }}
),

candidates as (
    select * from {{ ref('int_relationship_candidates') }}
),

choices as (
    select * from {{ ref('int_relationship_choices') }}
    where not is_present
),

periods as (
    select * from {{ ref('int_employee_periods') }}
    where {{ as_of() }} >= valid_from and {{ as_of() }} < valid_to
),

managers as (
    select * from {{ ref('int_relationship_managers') }}
),

customers as (
    select * from {{ ref('customers') }}
),

signals as (
    select
        customer_key,
        count(*) as warning_count
    from {{ ref('customer_signals') }}
    where is_warning
    group by customer_key
),

-- Of whom the register names nobody: who was asked first, and has left.
before as (
    select
        assignments.*,
        coalesce(assignments.named_employee_id, choices.employee_id)
            as from_employee_id
    from assignments
    inner join candidates on assignments.customer_key = candidates.customer_key
    left join choices
        on
            candidates.pool_code = choices.pool_code
            and candidates.slot = choices.slot
),

moved as (
    select
        before.*,
        periods.department_id as from_department_id,
        periods.left_date as from_left_date,
        case
            when periods.employee_id is null then 'not_registered'
            when not coalesce(managers.is_present, periods.left_date is null)
                then 'left'
            when coalesce(managers.pool_code <> before.branch_id, true) then 'moved'
            else 'over_limit'
        end as reason_code
    from before
    left join periods on before.from_employee_id = periods.employee_id
    left join managers on before.from_employee_id = managers.employee_id
    where before.from_employee_id is distinct from before.employee_id
),

relationship_handovers as (
    select
        moved.customer_key,
        moved.tier,
        moved.from_employee_id,
        moved.from_department_id,
        moved.from_left_date,
        moved.reason_code,
        moved.employee_id as to_employee_id,
        moved.team_id as to_team_id,
        moved.department_id as to_department_id,
        customers.deposit_balance_amount,
        customers.loan_balance_amount,
        customers.trailing_contribution_amount,
        customers.currency_code,
        customers.open_case_count,
        cast(coalesce(signals.warning_count, 0) as bigint) as warning_count,
        customers.last_contact_date
    from moved
    inner join customers on moved.customer_key = customers.customer_key
    left join signals on moved.customer_key = signals.customer_key
    where moved.from_employee_id is not null
)

select * from relationship_handovers
order by from_employee_id, customer_key
