-- One row per case and changed day, in the columns of the timeline.
with cases as (
    select * from {{ ref('stg_call_center__cases') }}
),

interactions as (
    {{ interactions_of('cases', 'call_center', 'cases', 'case_id', {
        'occurred_at': 'coalesce(closed_at, opened_at)',
        'record_id': "coalesce('core_banking:customer:' || core_customer_id, 'phone:' || contact_phone_normal, 'call_center:unknown_caller')",
        'activity_code': "case when " ~ local_date('opened_at') ~ " = business_date then 'case_opened' else 'case_changed' end",
        'outcome_code': 'status_code',
        'category_code': 'category_code',
        'employee_id': 'employee_id',
    }) }}
)

select * from interactions
