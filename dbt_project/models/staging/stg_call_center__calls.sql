-- One row per call of a changed day.
with landed as (
    select * from {{ source('raw', 'call_center__calls') }}
),

latest as (
    select landed.*
    from landed
    {{ latest_row('landed.call_id') }}
),

normalised as (
    select
        latest.*,
        caller_phone_normal.normal_value as caller_phone_normal
    from latest
    {{ join_normalised('latest', 'caller_phone', 'phone', 'caller_phone_normal') }}
)

select * from normalised
