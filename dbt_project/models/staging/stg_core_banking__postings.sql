-- One row per booking of a changed day.
with landed as (
    select * from {{ source('raw', 'core_banking__postings') }}
),

latest as (
    select landed.*
    from landed
    {{ latest_row('landed.posting_id') }}
)

select * from latest
