-- One row per campaign contact as it stands at the edition's date: how far it came, why
-- no further, and who holds it.
with contacts_log as (
    select * from {{ ref('int_campaign_contacts_log') }}
),

campaigns as (
    select * from {{ ref('stg_marketing__campaigns') }}
),

employee_periods as (
    select * from {{ ref('int_employee_periods') }}
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
-- Where its holder worked is asked for the day on which it came to the holder.
held_since as (
    select
        latest.*,
        coalesce(latest.holder_employee_id, latest.employee_id) as held_by_employee_id,
        case
            when latest.holder_employee_id is null then latest.contact_date
            else latest.business_date
        end as held_date
    from latest
),

held as (
    select
        held_since.contact_id,
        held_since.campaign_id,
        bridge.customer_key,
        held_since.contact_date,
        coalesce(held_since.contact_channel_code, 'none') as contact_channel_code,
        held_since.is_control,
        held_since.held_by_employee_id as employee_id,
        coalesce(
            held_since.holder_department_id,
            held_since.department_id,
            employee_periods.department_id,
            campaigns.department_id,
            'unknown'
        ) as department_id,
        employee_periods.team_id,
        held_since.step_code,
        steps.step_number,
        held_since.failure_code,
        coalesce(campaigns.end_date < {{ as_of() }}, false) as is_over
    from held_since
    inner join steps on held_since.step_code = steps.step_code
    left join campaigns on held_since.campaign_id = campaigns.campaign_id
    left join employee_periods
        on
            held_since.held_by_employee_id = employee_periods.employee_id
            and held_since.held_date >= employee_periods.valid_from
            and held_since.held_date < employee_periods.valid_to
    left join bridge on held_since.record_id = bridge.record_id
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
        team_id,
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
