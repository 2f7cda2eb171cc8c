-- One row per standing order and day of the register.
with landed as (
    select * from {{ source('raw', 'core_banking__standing_orders') }}
),

latest as (
    select landed.*
    from landed
    {{ latest_row('landed.standing_order_id') }}
)

select * from latest
