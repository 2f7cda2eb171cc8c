-- One row per account and changed day.
with landed as (
    select * from {{ source('raw', 'core_banking__balances') }}
),

latest as (
    select landed.*
    from landed
    {{ latest_row('landed.account_id') }}
)

select * from latest
