-- One row per general-ledger account of a changed day.
with landed as (
    select * from {{ source('raw', 'core_banking__ledger_totals') }}
),

latest as (
    select landed.*
    from landed
    {{ latest_row('landed.ledger_account_id') }}
)

select * from latest
