-- One row per campaign: what was due of it, what was done, and what came of it.
with campaigns as (
    select * from {{ ref('stg_marketing__campaigns') }}
),

contacts as (
    select * from {{ ref('int_campaign_contacts') }}
),

audiences as (
    select * from {{ ref('campaign_audiences') }}
),

results as (
    select * from {{ ref('campaign_results') }}
    where dimension_code = 'all'
),

readings as (
    select * from {{ ref('campaign_readings') }}
),

attribution as (
    select * from {{ ref('campaign_attribution') }}
    where is_attributed
),

cases as (
    select * from {{ ref('int_cases') }}
),

bridge as (
    select * from {{ source('identity', 'customer_identity') }}
    where customer_key is not null
),

customers as (
    select * from {{ ref('customers') }}
),

failures as (
    select * from {{ ref('campaign_failures') }}
),

contact_counts as (
    select
        campaign_id,
        count(*) filter (where not is_control) as planned_contact_count,
        count(*) filter (where not is_control and step_number > 0)
            as made_contact_count,
        count(*) filter (where not is_control and step_number = 0)
            as not_made_contact_count,
        count(*) filter (where state_code = 'open') as open_contact_count,
        count(*) filter (where customer_key is null) as unknown_customer_count
    from contacts
    group by campaign_id
),

attributed as (
    select
        campaign_id,
        sum(last_touch_count) as last_touch_count,
        sum(multi_touch_ratio) as multi_touch_count
    from attribution
    group by campaign_id
),

case_days as (
    select
        bridge.customer_key,
        {{ local_date('cases.opened_at') }} as opened_date
    from cases
    inner join bridge on cases.record_id = bridge.record_id
),

reactions as (
    select
        audiences.campaign_id,
        count(case_days.customer_key) filter (where audiences.arm_code = 'treated')
            as treated_case_count,
        count(case_days.customer_key) filter (where audiences.arm_code = 'control')
            as control_case_count
    from audiences
    inner join campaigns on audiences.campaign_id = campaigns.campaign_id
    inner join case_days
        on
            audiences.customer_key = case_days.customer_key
            and audiences.contact_date <= case_days.opened_date
            and campaigns.end_date >= case_days.opened_date
    group by audiences.campaign_id
),

members as (
    select
        audiences.campaign_id,
        count(*) filter (where audiences.arm_code = 'mixed') as mixed_count,
        count(*) filter (
            where audiences.arm_code = 'treated' and not customers.is_marketing_allowed
        ) as opted_out_count
    from audiences
    inner join customers on audiences.customer_key = customers.customer_key
    group by audiences.campaign_id
),

decisions as (
    select
        campaign_id,
        min(reading_date) filter (where is_decided) as decided_date
    from readings
    group by campaign_id
),

breaks as (
    select
        campaign_id,
        count(*) filter (where is_break) as break_count
    from failures
    group by campaign_id
),

summed as (
    select
        campaigns.campaign_id,
        campaigns.campaign_name,
        campaigns.objective_code,
        campaigns.product_id,
        campaigns.department_id,
        campaigns.employee_id,
        campaigns.start_date,
        campaigns.end_date,
        case
            when campaigns.start_date > {{ as_of() }} then 'planned'
            when campaigns.end_date >= {{ as_of() }} then 'running'
            else 'over'
        end as state_code,
    {%- for count in [
        'planned_contact_count', 'made_contact_count', 'not_made_contact_count',
        'open_contact_count', 'unknown_customer_count'
    ] %}
            cast(coalesce(contact_counts.{{ count }}, 0) as bigint) as {{ count }},
        {%- endfor %}
        cast(coalesce(results.treated_count, 0) as bigint) as treated_count,
        cast(coalesce(results.control_count, 0) as bigint) as control_count,
        cast(coalesce(members.mixed_count, 0) as bigint) as mixed_count,
        cast(campaigns.control_ratio as double) as planned_control_ratio,
        results.control_count
        / nullif(cast(results.treated_count + results.control_count as double), 0)
            as control_ratio,
        cast(coalesce(results.treated_response_count, 0) as bigint)
            as treated_response_count,
        cast(coalesce(results.control_response_count, 0) as bigint)
            as control_response_count,
        results.treated_response_ratio,
        results.control_response_ratio,
        results.uplift_ratio,
        results.uplift_low_ratio,
        results.uplift_high_ratio,
        results.gained_response_count,
        coalesce(results.verdict_code, 'no_comparison') as verdict_code,
        results.detectable_uplift_ratio,
        decisions.decided_date,
        cast(coalesce(attributed.last_touch_count, 0) as bigint) as last_touch_count,
        cast(coalesce(attributed.multi_touch_count, 0) as decimal(18, 8))
            as multi_touch_count,
        cast(coalesce(reactions.treated_case_count, 0) as bigint)
            as treated_case_count,
        cast(coalesce(reactions.control_case_count, 0) as bigint)
            as control_case_count,
        cast(coalesce(members.opted_out_count, 0) as bigint) as opted_out_count,
        cast(coalesce(breaks.break_count, 0) as bigint) as break_count,
        coalesce(results.cost_amount, 0) as cost_amount,
        coalesce(results.funded_balance_amount, 0) as funded_balance_amount,
        results.gained_contribution_amount,
        results.return_ratio,
        '{{ var("currency_code") }}' as currency_code
    from campaigns
    left join contact_counts on campaigns.campaign_id = contact_counts.campaign_id
    left join results on campaigns.campaign_id = results.campaign_id
    left join decisions on campaigns.campaign_id = decisions.campaign_id
    left join attributed on campaigns.campaign_id = attributed.campaign_id
    left join reactions on campaigns.campaign_id = reactions.campaign_id
    left join members on campaigns.campaign_id = members.campaign_id
    left join breaks on campaigns.campaign_id = breaks.campaign_id
)

select * from summed
order by campaign_id
