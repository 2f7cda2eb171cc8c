-- One row per product.
with landed as (
    select * from {{ source('raw', 'core_banking__products') }}
),

latest as (
    select landed.*
    from landed
    {{ latest_row('landed.product_id') }}
)

select * from latest
