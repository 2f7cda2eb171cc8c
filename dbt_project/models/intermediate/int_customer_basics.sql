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

core_records as (
    select
        bridge.customer_key,
        bridge.record_id,
        customers.core_customer_id,
        {%- for fact in persons + contacts.values() | list %}
            customers.{{ fact }},
        {%- endfor %}
        coalesce(customers.is_marketing_allowed, false) as is_marketing_allowed,
        {%- for way in ['call', 'email'] %}
            coalesce(
                customers.is_marketing_allowed and customers.is_{{ way }}_allowed, false
            ) as is_{{ way }}_allowed,
        {%- endfor %}
        customers.restriction_code,
        customers.risk_level_code,
        customers.risk_assessed_date,
        customers.since_date
    from customers
    inner join bridge
        on 'core_banking:customer:' || customers.core_customer_id = bridge.record_id
),

-- Nearly everyone has one, and only of several is one held against another.
several as (
    select customer_key
    from core_records
    group by customer_key
    having count(*) > 1
),

ranked as (
    select
        *,
        row_number() over (
            partition by customer_key
            order by since_date asc nulls last, core_customer_id asc
        ) as opening_rank
    from core_records
    where customer_key in (select several.customer_key from several)
),

summed as (
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
        bool_and(is_marketing_allowed) as is_marketing_allowed,
        bool_and(is_call_allowed) as is_call_allowed,
        bool_and(is_email_allowed) as is_email_allowed,
        min(restriction_code) as restriction_code,
        min(since_date) as since_date
    from ranked
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

core as (
    select
        customer_key,
        record_id as source_record_id,
        1 as core_record_count,
        {%- for person in persons %}
            {{ person }},
        {%- endfor %}
        {%- for name, column in contacts.items() %}
            {{ column }} as {{ name }},
        {%- endfor %}
        {%- for person in ['full_name', 'birth_date'] %}
            case when {{ person }} is not null then record_id end
                as {{ person }}_record_id,
        {%- endfor %}
        {%- for name, column in contacts.items() if name != 'city_name' %}
            case when {{ column }} is not null then record_id end
                as {{ name }}_record_id,
            0 as {{ name }}_conflict_count,
        {%- endfor %}
        0 as name_conflict_count,
        0 as birth_date_conflict_count,
        is_marketing_allowed,
        is_call_allowed,
        is_email_allowed,
        restriction_code,
        since_date,
        risk_level_code,
        case when risk_level_code is not null then risk_assessed_date end
            as risk_assessed_date
    from core_records
    where customer_key not in (select several.customer_key from several)
    union all
    select
        summed.*,
        questionnaires.risk_level_code,
        questionnaires.risk_assessed_date
    from summed
    left join questionnaires on summed.customer_key = questionnaires.customer_key
),

reached as (
    select customer_key
    from core
    where mobile_phone is not null and email_address is not null
),

-- Who can be reached by what the core system has is not looked up elsewhere.
elsewhere as (
    select * from bridge
    where
        (
            record_id like 'online_banking:login:%'
            or record_id like 'phone:%'
            or record_id like 'email:%@%'
        )
        and customer_key not in (select reached.customer_key from reached)
),

-- Of several logins or contacts the first by name, so that it is always the same one.
online as (
    select
        elsewhere.customer_key,
        min_by(logins.mobile_phone_normal, elsewhere.record_id) filter (
            where logins.mobile_phone_normal is not null
        ) as mobile_phone,
        min(elsewhere.record_id) filter (where logins.mobile_phone_normal is not null)
            as mobile_phone_record_id,
        min_by(logins.email_address_normal, elsewhere.record_id) filter (
            where logins.email_address_normal is not null
        ) as email_address,
        min(elsewhere.record_id) filter (where logins.email_address_normal is not null)
            as email_address_record_id
    from logins
    inner join elsewhere
        on 'online_banking:login:' || logins.login_id = elsewhere.record_id
    group by elsewhere.customer_key
),

seen as (
    select
        customer_key,
        min(record_id) filter (where record_id like 'phone:%')
            as mobile_phone_record_id,
        min(record_id) filter (where record_id like 'email:%@%')
            as email_address_record_id
    from elsewhere
    where record_id not like 'online_banking:login:%'
    group by customer_key
),

told_elsewhere as (
    select
        coalesce(online.customer_key, seen.customer_key) as customer_key,
        coalesce(
            online.mobile_phone,
            substr(seen.mobile_phone_record_id, length('phone:') + 1)
        ) as mobile_phone,
        coalesce(
            online.email_address,
            substr(seen.email_address_record_id, length('email:') + 1)
        ) as email_address,
        coalesce(online.mobile_phone_record_id, seen.mobile_phone_record_id)
            as mobile_phone_record_id,
        coalesce(online.email_address_record_id, seen.email_address_record_id)
            as email_address_record_id
    from online
    full join seen on online.customer_key = seen.customer_key
),

customer_basics as (
    select
        coalesce(core.customer_key, told_elsewhere.customer_key) as customer_key,
        core.source_record_id,
        {%- for person in persons %}
            core.{{ person }},
        {%- endfor %}
        {%- for reach in ['mobile_phone', 'email_address'] %}
            coalesce(core.{{ reach }}, told_elsewhere.{{ reach }}) as {{ reach }},
        {%- endfor %}
        core.postal_address,
        core.city_name,
        core.full_name_record_id,
        core.birth_date_record_id,
        {%- for reach in ['mobile_phone_record_id', 'email_address_record_id'] %}
            coalesce(core.{{ reach }}, told_elsewhere.{{ reach }}) as {{ reach }},
        {%- endfor %}
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
        core.risk_level_code,
        core.risk_assessed_date,
        core.since_date
    from core
    full join told_elsewhere on core.customer_key = told_elsewhere.customer_key
)

select * from customer_basics
