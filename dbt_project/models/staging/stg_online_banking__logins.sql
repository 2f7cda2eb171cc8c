-- One row per login, as it stands at the edition's date.
with landed as (
    select * from {{ source('raw', 'online_banking__logins') }}
),

latest as (
    select landed.*
    from landed
    {{ latest_row('landed.login_id') }}
),

normalised as (
    select
        latest.*,
        mobile_phone_normal.normal_value as mobile_phone_normal,
        email_address_normal.normal_value as email_address_normal
    from latest
    {{ join_normalised('latest', 'mobile_phone', 'phone', 'mobile_phone_normal') }}
    {{ join_normalised('latest', 'email_address', 'email', 'email_address_normal') }}
)

select * from normalised
