-- One row per employee who may answer for customers: people of a branch for those of
-- the branch, people of the contact centre for those of none. Who has lately left is
-- among them, so that what that one leaves can be handed over.
with periods as (
    select * from {{ ref('int_employee_periods') }}
    where {{ as_of() }} >= valid_from and {{ as_of() }} < valid_to
),

departments as (
    select * from {{ ref('stg_core_banking__departments') }}
),

titles as (
    select * from {{ ref('relationship_titles') }}
),

basics as (
    select * from {{ ref('int_customer_basics') }}
),

policy as (
    select
        cast({{ relationship_term('missing_days') }} as integer) as missing_days,
        cast({{ relationship_term('handover_days') }} as integer) as handover_days
),

named as (
    select employee_id
    from basics
    where employee_id is not null
    group by employee_id
),

-- A row that was rejected leaves an employee out for a night: who is missing for some
-- days only has not left.
judged as (
    select
        periods.employee_id,
        periods.department_id,
        periods.team_id,
        periods.job_title,
        departments.department_kind_code,
        coalesce(
            {{ days_between('periods.left_date', as_of()) }} < policy.missing_days, true
        ) as is_present,
        case
            when
                {{ days_between('periods.left_date', as_of()) }} >= policy.missing_days
                then periods.left_date
        end as left_date,
        policy.missing_days + policy.handover_days as remembered_days
    from periods
    cross join policy
    inner join departments on periods.department_id = departments.department_id
    left join titles on periods.job_title = titles.job_title
    left join named on periods.employee_id = named.employee_id
    where
        departments.department_kind_code in ('branch', 'call_center')
        and (titles.job_title is not null or named.employee_id is not null)
),

relationship_managers as (
    select
        employee_id,
        department_id,
        team_id,
        job_title,
        case department_kind_code when 'branch' then department_id else 'central' end
            as pool_code,
        is_present,
        left_date
    from judged
    where
        is_present
        or {{ days_between('left_date', as_of()) }} < remembered_days
)

select * from relationship_managers
