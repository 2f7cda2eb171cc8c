-- One row per campaign contact as it stands at the edition's date: how far it came, why
-- no further, and who holds it.
with contacts_log as (
    select * from {{ ref('int_campaign_contacts_log') }}
),

campaigns as (
    select * from {{ ref('stg_marketing__campaigns') }}
),

employees as (
    select * from {{ ref('stg_core_banking__employees') }}
),

steps as (
    select * from {{ ref('campaign_steps') }}
),

bridge as (
    select * from {{ source('identity', 'customer_identity') }}
),

latest as (
    select contacts_log.*
    from contacts_log
    qualify
        row_number() over (
            partition by contacts_log.contact_id
            order by contacts_log.business_date desc
        ) = 1
),

-- What was told of it last says more than who made the contact: an application goes on.
held as (
    select
        latest.contact_id,
        latest.campaign_id,
        bridge.customer_key,
        latest.contact_date,
        coalesce(latest.contact_channel_code, 'none') as contact_channel_code,
        latest.is_control,
        coalesce(latest.holder_employee_id, latest.employee_id) as employee_id,
        coalesce(
            latest.holder_department_id,
            latest.department_id,
            employees.department_id,
            campaigns.department_id,
            'unknown'
        ) as department_id,
        latest.step_code,
        steps.step_number,
        latest.failure_code,
        coalesce(campaigns.end_date < {{ as_of() }}, false) as is_over
    from latest
    inner join steps on latest.step_code = steps.step_code
    left join campaigns on latest.campaign_id = campaigns.campaign_id
    left join employees
        on
            coalesce(latest.holder_employee_id, latest.employee_id)
            = employees.employee_id
    left join bridge on latest.record_id = bridge.record_id
),

-- Without a reason a contact is open as long as the campaign runs.
campaign_contacts as (
    select
        contact_id,
        campaign_id,
        customer_key,
        contact_date,
        contact_channel_code,
        is_control,
        employee_id,
        department_id,
        step_code,
        step_number,
        case
            when is_control or step_code = 'fulfilled' then null
            when failure_code is not null then failure_code
            when not is_over then null
            when step_code = 'listed' then 'not_contacted'
            when step_code = 'applied' then 'application_stalled'
            else 'not_told'
        end as failure_code,
        case
            when is_control then 'control'
            when step_code = 'fulfilled' then 'fulfilled'
            when failure_code is not null or is_over then 'failed'
            else 'open'
        end as state_code
    from held
)

select * from campaign_contacts
