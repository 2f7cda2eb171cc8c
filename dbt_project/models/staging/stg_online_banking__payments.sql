-- One row per payment of a changed day.
with landed as (
    select * from {{ source('raw', 'online_banking__payments') }}
),

latest as (
    select landed.*
    from landed
    {{ latest_row('landed.payment_id') }}
)

select * from latest
