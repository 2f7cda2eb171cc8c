-- One row per campaign contact that was made on a changed day. The control group was
-- not contacted, so it is not in the timeline.
with contacts as (
    select * from {{ ref('stg_marketing__contacts') }}
    where not is_control
),

interactions as (
    {{ interactions_of('contacts', 'marketing', 'contacts', 'contact_id', {
        'occurred_at': 'contacted_at',
        'record_id': "'core_banking:customer:' || core_customer_id",
        'activity_code': "'campaign_contact'",
        'outcome_code': 'step_code',
        'category_code': 'campaign_id',
        'employee_id': 'employee_id',
    }) }}
)

select * from interactions
