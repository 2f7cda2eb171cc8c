-- One row per case and business date on which it was opened or changed.
{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        pre_hook="{{ forget_changed('call_center.cases') }}"
    )
}}

with cases as (
    select * from {{ ref('stg_call_center__cases') }}
),

cases_log as (
    select
        case_id,
        business_date,
        opened_at,
        closed_at,
        coalesce(
            'core_banking:customer:' || core_customer_id,
            'phone:' || contact_phone_normal,
            'call_center:unknown_caller'
        ) as record_id,
        category_code,
        product_name,
        complexity_code,
        extended_at,
        status_code,
        resolution_code,
        submitted_via_code,
        employee_id,
        department_id
    from cases
)

select * from cases_log
