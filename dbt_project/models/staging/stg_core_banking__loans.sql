-- One row per loan, as it stands at the edition's date.
with landed as (
    select * from {{ source('raw', 'core_banking__loans') }}
),

latest as (
    select landed.*
    from landed
    {{ latest_row('landed.loan_id') }}
)

select * from latest
