-- One row per message of a changed day, in the columns of the timeline.
with messages as (
    select * from {{ ref('stg_email__mailbox') }}
),

interactions as (
    {{ interactions_of('messages', 'email', 'mailbox', 'message_id', {
        'occurred_at': 'sent_at',
        'record_id': "coalesce('email:' || sender_address_normal, 'email:unreadable_address')",
        'activity_code': "'message_in'",
    }) }}
)

select * from interactions
