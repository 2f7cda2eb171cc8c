-- One row per employee and period in which the register told the same of where the
-- employee works. Each holds until the next begins, so that a contact has a holder also
-- where the register came later, or the employee has left.
with changes as (
    select * from {{ ref('int_employee_changes') }}
),

followed as (
    select
        changes.*,
        lead(changes.business_date) over (
            partition by changes.employee_id
            order by changes.business_date
        ) as next_date,
        lead(changes.is_present) over (
            partition by changes.employee_id
            order by changes.business_date
        ) as is_present_next
    from changes
),

present as (
    select
        followed.*,
        lead(followed.business_date) over (
            partition by followed.employee_id
            order by followed.business_date
        ) as next_present_date,
        row_number() over (
            partition by followed.employee_id
            order by followed.business_date
        ) as period_number
    from followed
    where followed.is_present
),

employee_periods as (
    select
        present.employee_id,
        present.department_id,
        present.team_id,
        present.job_title,
        case when not present.is_present_next then present.next_date end as left_date,
        case
            when present.period_number = 1 then date '0001-01-01'
            else present.business_date
        end as valid_from,
        coalesce(present.next_present_date, date '9999-12-31') as valid_to
    from present
)

select * from employee_periods
