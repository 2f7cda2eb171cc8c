-- One row per call of a changed day, in the columns of the timeline.
with calls as (
    select * from {{ ref('stg_call_center__calls') }}
),

interactions as (
    {{ interactions_of('calls', 'call_center', 'calls', 'call_id', {
        'occurred_at': 'started_at',
        'record_id': "coalesce('core_banking:customer:' || core_customer_id, 'phone:' || caller_phone_normal, 'call_center:unknown_caller')",
        'activity_code': "'call'",
        'outcome_code': 'outcome_code',
        'category_code': 'subject_code',
        'employee_id': 'employee_id',
        'wait_seconds': 'wait_seconds',
        'duration_seconds': 'talk_seconds',
        'satisfaction_score': 'satisfaction_score',
    }) }}
)

select * from interactions
