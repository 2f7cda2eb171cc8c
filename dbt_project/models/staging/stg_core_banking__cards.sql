-- One row per card, as it stands at the edition's date.
with landed as (
    select * from {{ source('raw', 'core_banking__cards') }}
),

latest as (
    select landed.*
    from landed
    {{ latest_row('landed.card_token') }}
)

select * from latest
