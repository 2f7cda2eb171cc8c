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
        national_id_normal.as_typed as national_id_as_typed,
        mobile_phone_normal.normal_value as mobile_phone_normal,
        email_address_normal.normal_value as email_address_normal,
        full_name_normal.normal_value as full_name_normal,
        full_name_normal.family_name,
        full_name_normal.given_name,
        postal_address_normal.normal_value as postal_address_normal,
        postal_address_normal.parts as postal_address_parts,
        postal_address_normal.numbers as postal_address_numbers
    from latest
    {{ join_normalised('latest', 'national_id', 'national_id', 'national_id_normal') }}
    {{ join_normalised('latest', 'mobile_phone', 'phone', 'mobile_phone_normal') }}
    {{ join_normalised('latest', 'email_address', 'email', 'email_address_normal') }}
    {{ join_normalised('latest', 'full_name', 'person_name', 'full_name_normal') }}
    {{ join_normalised(
        'latest', 'postal_address', 'postal_address', 'postal_address_normal'
    ) }}
)

select * from normalised
