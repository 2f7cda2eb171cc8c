-- One row per record that describes a person: what the linkage model compares.
{{ config(tags=['before_identity']) }}

with customers as (
    select * from {{ ref('stg_core_banking__customers') }}
),

logins as (
    select * from {{ ref('stg_online_banking__logins') }}
),

described as (
    select
        'core_banking:customer:' || core_customer_id as record_id,
        full_name_normal as full_name,
        family_name,
        given_name,
        cast(birth_date as varchar) as birth_date,
        sex_code,
        national_id_as_typed as national_id,
        national_id_normal is not null as is_national_id_valid,
        mobile_phone_normal as phone,
        email_address_normal as email,
        postal_address_normal as address,
        postal_address_parts as address_parts,
        postal_address_numbers as address_numbers,
        city_name
    from customers
    union all
    select
        'online_banking:login:' || login_id as record_id,
        cast(null as varchar) as full_name,
        cast(null as varchar) as family_name,
        cast(null as varchar) as given_name,
        cast(null as varchar) as birth_date,
        cast(null as varchar) as sex_code,
        cast(null as varchar) as national_id,
        false as is_national_id_valid,
        mobile_phone_normal as phone,
        email_address_normal as email,
        cast(null as varchar) as address,
        cast(null as varchar[]) as address_parts,
        cast(null as varchar) as address_numbers,
        cast(null as varchar) as city_name
    from logins
),

person_records as (
    select
        *,
        {{ fingerprint([
            'full_name', 'family_name', 'given_name', 'birth_date', 'sex_code',
            'national_id', 'is_national_id_valid', 'phone', 'email', 'address',
            'address_parts', 'city_name'
        ]) }} as person_fingerprint
    from described
)

select * from person_records
