-- One row per employee and business date on which the register told something else of
-- the employee than before, or had the employee no longer.
{%- set facts = ['department_id', 'team_id', 'job_title', 'is_present'] %}
{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        pre_hook="{{ forget_changed('core_banking.employees') }}"
    )
}}

-- A changed day comes with all later ones (warehouse/build.py): what is told on a day
-- is a change or not by the day before.
with employees as (
    select * from {{ ref('stg_core_banking__employees') }}
),

days as (
    select distinct business_date from employees
),

{% if is_incremental() -%}
    -- What stands here now is older than every changed day.
    before as (
        select *
        from {{ this }}
        qualify
            row_number() over (
                partition by employee_id
                order by business_date desc
            ) = 1
    ),
{%- endif %}

known as (
    select employee_id from employees
    {% if is_incremental() %}
        union
        select employee_id from before
    {% else %}
        group by employee_id
    {% endif %}
),

told as (
    select
        known.employee_id,
        days.business_date,
        employees.department_id,
        employees.team_id,
        employees.job_title,
        employees.employee_id is not null as is_present,
        true as is_new
    from known
    cross join days
    left join employees
        on
            known.employee_id = employees.employee_id
            and days.business_date = employees.business_date
    {% if is_incremental() %}
        union all
        select
            employee_id,
            business_date,
            department_id,
            team_id,
            job_title,
            is_present,
            false as is_new
        from before
    {% endif %}
),

compared as (
    select
        *,
        {%- for fact in facts %}
            lag({{ fact }}) over (
                partition by employee_id
                order by business_date
            ) as {{ fact }}_before,
        {%- endfor %}
        row_number() over (
            partition by employee_id
            order by business_date
        ) as told_number
    from told
),

employee_changes as (
    select
        employee_id,
        business_date,
        department_id,
        team_id,
        job_title,
        is_present
    from compared
    where
        is_new
        and (is_present or is_present_before)
        and (
            told_number = 1
            {%- for fact in facts %}
                or {{ fact }} is distinct from {{ fact }}_before
            {%- endfor %}
        )
)

select * from employee_changes
order by business_date, employee_id
