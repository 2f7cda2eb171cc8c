-- One row per message of a changed day, in the columns of the timeline.
with messages as (
    select * from {{ ref('stg_email__messages') }}
),

interactions as (
    {{ interactions_of('messages', 'email', 'messages', 'message_id', {
        'occurred_at': 'sent_at',
        'record_id': "coalesce('email:' || case direction_code when 'outbound' then recipient_address_normal else sender_address_normal end, 'email:unreadable_address')",
        'activity_code': "case direction_code when 'outbound' then 'message_out' else 'message_in' end",
        'category_code': 'subject_code',
        'employee_id': 'employee_id',
    }) }}
)

select * from interactions
