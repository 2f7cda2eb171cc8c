-- One row per message of a changed day.
with landed as (
    select * from {{ source('raw', 'email__messages') }}
),

latest as (
    select landed.*
    from landed
    {{ latest_row('landed.message_id') }}
),

normalised as (
    select
        latest.*,
        sender_address_normal.normal_value as sender_address_normal,
        recipient_address_normal.normal_value as recipient_address_normal
    from latest
    {{ join_normalised('latest', 'sender_address', 'email', 'sender_address_normal') }}
    {{ join_normalised(
        'latest', 'recipient_address', 'email', 'recipient_address_normal'
    ) }}
)

select * from normalised
