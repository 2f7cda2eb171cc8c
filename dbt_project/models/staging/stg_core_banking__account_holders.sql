-- One row per account and holder, as it stands at the edition's date.
with landed as (
    select * from {{ source('raw', 'core_banking__account_holders') }}
),

latest as (
    select landed.*
    from landed
    {{ latest_row('landed.account_holder_id') }}
)

select * from latest
