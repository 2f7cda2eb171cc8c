-- One row per foreign currency of a changed day.
with landed as (
    select * from {{ source('raw', 'core_banking__exchange_rates') }}
),

latest as (
    select landed.*
    from landed
    {{ latest_row('landed.currency_code') }}
)

select * from latest
