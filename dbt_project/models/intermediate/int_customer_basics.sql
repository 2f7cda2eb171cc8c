-- One row per customer of whom a record tells something: basics by survivorship. Of who
-- a person is, the core record that was opened first knows best, for its papers were
-- seen; of where to reach it, the one that was opened last. What no core record tells
-- of a number or an address, a login does, or else the record that contacts are seen
-- under.
{%- set persons = ['full_name', 'sex_code', 'birth_date', 'branch_id', 'employee_id'] %}
{%- set contacts = {
    'mobile_phone': 'mobile_phone_normal',
    'email_address': 'email_address_normal',
    'postal_address': 'postal_address',
    'city_name': 'city_name',
} %}
with customers as (
    select * from {{ ref('stg_core_banking__customers') }}
),

logins as (
    select * from {{ ref('stg_online_banking__logins') }}
),

bridge as (
    select * from {{ source('identity', 'customer_identity') }}
    where customer_key is not null
),

ranked as (
    select
        bridge.customer_key,
        bridge.record_id,
        customers.*,
        row_number() over (
            partition by bridge.customer_key
            order by
                customers.since_date asc nulls last, customers.core_customer_id asc
        ) as opening_rank
    from customers
    inner join bridge
        on 'core_banking:customer:' || customers.core_customer_id = bridge.record_id
),

core as (
    select
        customer_key,
        min_by(record_id, opening_rank) as source_record_id,
        count(*) as core_record_count,
        {%- for person in persons %}
            min_by({{ person }}, opening_rank) filter (where {{ person }} is not null)
                as {{ person }},
        {%- endfor %}
        {%- for name, column in contacts.items() %}
            max_by({{ column }}, opening_rank) filter (where {{ column }} is not null)
                as {{ name }},
        {%- endfor %}
        {%- for person in ['full_name', 'birth_date'] %}
            min_by(record_id, opening_rank) filter (where {{ person }} is not null)
                as {{ person }}_record_id,
        {%- endfor %}
        {%- for name, column in contacts.items() if name != 'city_name' %}
            max_by(record_id, opening_rank) filter (where {{ column }} is not null)
                as {{ name }}_record_id,
            greatest(count(distinct {{ column }}) - 1, 0) as {{ name }}_conflict_count,
        {%- endfor %}
        greatest(count(distinct full_name) - 1, 0) as name_conflict_count,
        greatest(count(distinct birth_date) - 1, 0) as birth_date_conflict_count,
        bool_and(coalesce(is_marketing_allowed, false)) as is_marketing_allowed,
        bool_and(coalesce(is_marketing_allowed and is_call_allowed, false))
            as is_call_allowed,
        bool_and(coalesce(is_marketing_allowed and is_email_allowed, false))
            as is_email_allowed,
        min(restriction_code) as restriction_code,
        min(since_date) as since_date
    from ranked
    group by customer_key
),

-- Of several logins or contacts the first by name, so that it is always the same one.
online as (
    select
        bridge.customer_key,
        min_by(logins.mobile_phone_normal, bridge.record_id) filter (
            where logins.mobile_phone_normal is not null
        ) as mobile_phone,
        min(bridge.record_id) filter (where logins.mobile_phone_normal is not null)
            as mobile_phone_record_id,
        min_by(logins.email_address_normal, bridge.record_id) filter (
            where logins.email_address_normal is not null
        ) as email_address,
        min(bridge.record_id) filter (where logins.email_address_normal is not null)
            as email_address_record_id
    from logins
    inner join bridge
        on 'online_banking:login:' || logins.login_id = bridge.record_id
    group by bridge.customer_key
),

seen as (
    select
        customer_key,
        min(record_id) filter (where record_id like 'phone:%')
            as mobile_phone_record_id,
        min(record_id) filter (where record_id like 'email:%@%')
            as email_address_record_id
    from bridge
    where record_id like 'phone:%' or record_id like 'email:%@%'
    group by customer_key
),

-- The latest answers count; of two given on one day, the more careful ones.
questionnaires as (
    select
        customer_key,
        risk_level_code,
        risk_assessed_date
    from ranked
    where risk_level_code is not null
    qualify
        row_number() over (
            partition by customer_key
            order by risk_assessed_date desc nulls last, risk_level_code asc
        ) = 1
),

keys as (
    select customer_key from core
    union
    select customer_key from online
    union
    select customer_key from seen
),

customer_basics as (
    select
        keys.customer_key,
        core.source_record_id,
        {%- for person in persons %}
            core.{{ person }},
        {%- endfor %}
        coalesce(
            core.mobile_phone,
            online.mobile_phone,
            substr(seen.mobile_phone_record_id, length('phone:') + 1)
        ) as mobile_phone,
        coalesce(
            core.email_address,
            online.email_address,
            substr(seen.email_address_record_id, length('email:') + 1)
        ) as email_address,
        core.postal_address,
        core.city_name,
        core.full_name_record_id,
        core.birth_date_record_id,
        coalesce(
            core.mobile_phone_record_id,
            online.mobile_phone_record_id,
            seen.mobile_phone_record_id
        ) as mobile_phone_record_id,
        coalesce(
            core.email_address_record_id,
            online.email_address_record_id,
            seen.email_address_record_id
        ) as email_address_record_id,
        core.postal_address_record_id,
        core.core_record_count,
        core.name_conflict_count,
        core.birth_date_conflict_count,
        core.mobile_phone_conflict_count,
        core.email_address_conflict_count,
        core.postal_address_conflict_count,
        core.is_marketing_allowed,
        core.is_call_allowed,
        core.is_email_allowed,
        core.restriction_code,
        questionnaires.risk_level_code,
        questionnaires.risk_assessed_date,
        core.since_date
    from keys
    left join core on keys.customer_key = core.customer_key
    left join online on keys.customer_key = online.customer_key
    left join seen on keys.customer_key = seen.customer_key
    left join questionnaires on keys.customer_key = questionnaires.customer_key
)

select * from customer_basics
