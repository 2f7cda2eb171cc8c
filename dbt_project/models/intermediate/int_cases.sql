-- One row per case, as it stands at the edition's date.
with cases_log as (
    select * from {{ ref('int_cases_log') }}
),

cases as (
    select cases_log.*
    from cases_log
    qualify
        row_number() over (
            partition by cases_log.case_id
            order by cases_log.business_date desc
        ) = 1
)

select * from cases
