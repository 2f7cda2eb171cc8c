-- One row per campaign contact and business date on which it was told of.
{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        pre_hook="{{ forget_changed('marketing.contacts') }}"
    )
}}

with contacts as (
    select * from {{ ref('stg_marketing__contacts') }}
),

campaign_contacts_log as (
    select
        contact_id,
        business_date,
        campaign_id,
        'core_banking:customer:' || core_customer_id as record_id,
        {{ local_date('contacted_at') }} as contact_date,
        contact_channel_code,
        is_control,
        employee_id,
        department_id,
        holder_employee_id,
        holder_department_id,
        step_code,
        failure_code
    from contacts
)

select * from campaign_contacts_log
