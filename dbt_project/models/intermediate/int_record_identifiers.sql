-- One row per record and identifier that it carries, in normal form.
{{ config(tags=['before_identity']) }}

with customers as (
    select * from {{ ref('stg_core_banking__customers') }}
),

logins as (
    select * from {{ ref('stg_online_banking__logins') }}
),

cards as (
    select * from {{ ref('stg_core_banking__cards') }}
),

account_holders as (
    select * from {{ ref('stg_core_banking__account_holders') }}
),

records_seen as (
    select * from {{ ref('int_records_seen') }}
),

-- An account is not a person: it stands for the first of its owners.
first_owners as (
    select
        account_id,
        core_customer_id
    from account_holders
    where role_code = 'owner'
    qualify
        row_number() over (
            partition by account_id
            order by account_holder_id
        ) = 1
),

contacts as (
    select distinct
        record_id,
        split_part(record_id, ':', 1) as identifier_kind
    from records_seen
    where record_id like 'phone:%' or record_id like 'email:%'
),

identifiers as (
    select
        'core_banking:customer:' || core_customer_id as record_id,
        'core_customer_id' as identifier_kind,
        core_customer_id as identifier_value
    from customers
    union all
    select
        'core_banking:customer:' || core_customer_id as record_id,
        'national_id' as identifier_kind,
        national_id_normal as identifier_value
    from customers
    union all
    select
        'core_banking:customer:' || core_customer_id as record_id,
        'phone' as identifier_kind,
        mobile_phone_normal as identifier_value
    from customers
    union all
    select
        'core_banking:customer:' || core_customer_id as record_id,
        'email' as identifier_kind,
        email_address_normal as identifier_value
    from customers
    union all
    select
        'online_banking:login:' || login_id as record_id,
        'core_customer_id' as identifier_kind,
        core_customer_id as identifier_value
    from logins
    union all
    select
        'online_banking:login:' || login_id as record_id,
        'phone' as identifier_kind,
        mobile_phone_normal as identifier_value
    from logins
    union all
    select
        'online_banking:login:' || login_id as record_id,
        'email' as identifier_kind,
        email_address_normal as identifier_value
    from logins
    union all
    select
        'core_banking:card:' || cards.card_token as record_id,
        'core_customer_id' as identifier_kind,
        account_holders.core_customer_id as identifier_value
    from cards
    inner join account_holders
        on cards.account_holder_id = account_holders.account_holder_id
    union all
    select
        'core_banking:account:' || account_id as record_id,
        'core_customer_id' as identifier_kind,
        core_customer_id as identifier_value
    from first_owners
    union all
    select
        record_id,
        identifier_kind,
        substr(record_id, length(identifier_kind) + 2) as identifier_value
    from contacts
),

record_identifiers as (
    select distinct
        record_id,
        identifier_kind,
        identifier_value
    from identifiers
    where identifier_value is not null
)

select * from record_identifiers
