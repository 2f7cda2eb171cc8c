-- One row per account, as it stands at the edition's date.
with landed as (
    select * from {{ source('raw', 'core_banking__accounts') }}
),

latest as (
    select landed.*
    from landed
    {{ latest_row('landed.account_id') }}
)

select * from latest
