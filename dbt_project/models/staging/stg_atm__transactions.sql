-- One row per cash machine transaction of a changed day.
with landed as (
    select * from {{ source('raw', 'atm__transactions') }}
),

latest as (
    select landed.*
    from landed
    {{ latest_row('landed.transaction_id') }}
)

select * from latest
