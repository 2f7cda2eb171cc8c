-- One row per standing order, as it stands at the edition's date.
with standing_order_days as (
    select * from {{ ref('stg_core_banking__standing_order_days') }}
),

last_day as (
    select max(business_date) as business_date
    from standing_order_days
),

standing_orders as (
    select standing_order_days.*
    from standing_order_days
    inner join last_day on standing_order_days.business_date = last_day.business_date
)

select * from standing_orders
