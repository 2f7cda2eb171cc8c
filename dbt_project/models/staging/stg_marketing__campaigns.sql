-- One row per campaign, as it stands at the edition's date.
with landed as (
    select * from {{ source('raw', 'marketing__campaigns') }}
),

latest as (
    select landed.*
    from landed
    {{ latest_row('landed.campaign_id') }}
)

select * from latest
