-- One row per session of a changed day.
with landed as (
    select * from {{ source('raw', 'online_banking__sessions') }}
),

latest as (
    select landed.*
    from landed
    {{ latest_row('landed.session_id') }}
)

select * from latest
