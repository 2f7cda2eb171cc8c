-- One row per record: a person, card, account or contact as one channel knows it, with
-- a fingerprint of all that tells who it is.
{{ config(tags=['before_identity']) }}

with identifiers as (
    select * from {{ ref('int_record_identifiers') }}
),

persons as (
    select * from {{ ref('int_person_records') }}
),

records_seen as (
    select * from {{ ref('int_records_seen') }}
),

logins as (
    select * from {{ ref('stg_online_banking__logins') }}
),

cases_log as (
    select * from {{ ref('int_cases_log') }}
),

seen as (
    select
        record_id,
        {{ fingerprint(['identifier_kind', 'identifier_value']) }} as fingerprint
    from identifiers
    union all
    select
        record_id,
        person_fingerprint as fingerprint
    from persons
    union all
    select
        record_id,
        null as fingerprint
    from records_seen
    union all
    select
        record_id,
        null as fingerprint
    from cases_log
    union all
    select
        'online_banking:login:' || login_id as record_id,
        null as fingerprint
    from logins
),

distinct_records as (
    select
        record_id,
        coalesce(bit_xor(fingerprint), 0) as fingerprint
    from seen
    group by record_id
),

records as (
    select
        record_id,
        case
            when record_id like 'core_banking:customer:%' then 'core_customer'
            when record_id like 'core_banking:card:%' then 'card'
            when record_id like 'core_banking:account:%' then 'account'
            when record_id like 'online_banking:login:%' then 'login'
            when record_id like 'phone:%' then 'phone'
            when record_id like 'email:%' and record_id like '%@%' then 'email'
            else 'anonymous'
        end as record_kind,
        fingerprint
    from distinct_records
)

select * from records
order by record_id
