-- One row per department.
with landed as (
    select * from {{ source('raw', 'core_banking__departments') }}
),

latest as (
    select landed.*
    from landed
    {{ latest_row('landed.department_id') }}
)

select * from latest
