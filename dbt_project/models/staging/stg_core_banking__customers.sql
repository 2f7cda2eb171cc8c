-- One row per core customer id, as it stands at the edition's date.
with landed as (
    select * from {{ source('raw', 'core_banking__customers') }}
),

latest as (
    select landed.*
    from landed
    {{ latest_row('landed.core_customer_id') }}
),

normalised as (
    select
        latest.*,
        national_id_normal.normal_value as national_id_normal,
        mobile_phone_normal.normal_value as mobile_phone_normal,
        email_address_normal.normal_value as email_address_normal
    from latest
    {{ join_normalised('latest', 'national_id', 'national_id', 'national_id_normal') }}
    {{ join_normalised('latest', 'mobile_phone', 'phone', 'mobile_phone_normal') }}
    {{ join_normalised('latest', 'email_address', 'email', 'email_address_normal') }}
)

select * from normalised
