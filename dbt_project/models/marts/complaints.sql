-- One row per case, as it stands at the edition's date: whether the answer was in time.
with cases as (
    select * from {{ ref('int_cases') }}
),

bridge as (
    select * from {{ source('identity', 'customer_identity') }}
    where customer_key is not null
),

policy as (
    select
        cast({{ service_term('answer_days') }} as integer) as answer_days,
        cast({{ service_term('complex_answer_days') }} as integer)
            as complex_answer_days,
        cast({{ service_term('extension_days') }} as integer) as extension_days
),

dated as (
    select
        cases.*,
        bridge.customer_key,
        {{ local_date('cases.opened_at') }} as opened_date,
        case
            when cases.status_code = 'closed' then {{ local_date('cases.closed_at') }}
        end as closed_date,
        coalesce(cases.complexity_code = 'complex', false) as is_complex,
        cases.extended_at is not null as is_extended
    from cases
    left join bridge on cases.record_id = bridge.record_id
),

limited as (
    select
        dated.*,
        case
            when dated.is_complex then policy.complex_answer_days
            else policy.answer_days
        end
        + case when dated.is_extended then policy.extension_days else 0 end
            as limit_days,
        -- A case that is closed without a day was closed when that was told.
        case
            when dated.status_code = 'open' then {{ as_of() }}
            else coalesce(dated.closed_date, dated.business_date)
        end as until_date
    from dated
    cross join policy
),

complaints as (
    select
        case_id,
        customer_key,
        category_code,
        product_name,
        submitted_via_code,
        opened_date,
        case when status_code <> 'open' then until_date end as closed_date,
        resolution_code,
        is_complex,
        is_extended,
        cast(limit_days as bigint) as limit_days,
        cast(opened_date + limit_days as date) as due_date,
        cast({{ days_between('opened_date', 'until_date') }} as bigint) as taken_days,
        case
            when status_code = 'open' and until_date > opened_date + limit_days
                then 'overdue'
            when status_code = 'open' then 'open'
            when until_date > opened_date + limit_days then 'answered_late'
            else 'answered_in_time'
        end as state_code,
        department_id,
        employee_id
    from limited
)

select * from complaints
order by opened_date, case_id
