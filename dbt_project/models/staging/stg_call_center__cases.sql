-- One row per case and changed day.
with landed as (
    select * from {{ source('raw', 'call_center__cases') }}
),

latest as (
    select landed.*
    from landed
    {{ latest_row('landed.case_id') }}
),

normalised as (
    select
        latest.*,
        contact_phone_normal.normal_value as contact_phone_normal
    from latest
    {{ join_normalised('latest', 'contact_phone', 'phone', 'contact_phone_normal') }}
)

select * from normalised
