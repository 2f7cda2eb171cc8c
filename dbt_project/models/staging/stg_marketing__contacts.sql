-- One row per campaign contact of a changed day.
with landed as (
    select * from {{ source('raw', 'marketing__contacts') }}
),

latest as (
    select landed.*
    from landed
    {{ latest_row('landed.contact_id') }}
)

select * from latest
