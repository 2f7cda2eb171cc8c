-- One row per employee and changed day.
with landed as (
    select * from {{ source('raw', 'core_banking__employees') }}
),

latest as (
    select landed.*
    from landed
    {{ latest_row('landed.employee_id') }}
)

select * from latest
