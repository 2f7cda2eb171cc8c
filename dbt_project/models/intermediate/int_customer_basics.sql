-- One row per customer whom the core system knows: basics by survivorship. Among a
-- customer's core records the one that was opened first wins, for its papers were seen.
with customers as (
    select * from {{ ref('stg_core_banking__customers') }}
),

bridge as (
    select * from {{ source('identity', 'customer_identity') }}
),

keyed as (
    select
        bridge.customer_key,
        bridge.record_id,
        customers.*
    from customers
    inner join bridge
        on 'core_banking:customer:' || customers.core_customer_id = bridge.record_id
    where bridge.customer_key is not null
),

ranked as (
    select
        keyed.*,
        row_number() over (
            partition by keyed.customer_key
            order by keyed.since_date asc nulls last, keyed.core_customer_id asc
        ) as survivor_rank
    from keyed
),

conflicts as (
    select
        customer_key,
        count(*) as core_record_count,
        greatest(count(distinct full_name) - 1, 0) as name_conflict_count,
        greatest(count(distinct birth_date) - 1, 0) as birth_date_conflict_count,
        bool_and(coalesce(is_marketing_allowed, false)) as is_marketing_allowed,
        min(restriction_code) as restriction_code,
        min(since_date) as since_date
    from keyed
    group by customer_key
),

-- The latest answers count; of two given on one day, the more careful ones.
questionnaires as (
    select
        customer_key,
        risk_level_code,
        risk_assessed_date
    from keyed
    where risk_level_code is not null
    qualify
        row_number() over (
            partition by customer_key
            order by risk_assessed_date desc nulls last, risk_level_code asc
        ) = 1
),

customer_basics as (
    select
        ranked.customer_key,
        ranked.record_id as source_record_id,
        ranked.full_name,
        ranked.sex_code,
        ranked.birth_date,
        ranked.mobile_phone_normal as mobile_phone,
        ranked.email_address_normal as email_address,
        ranked.postal_address,
        ranked.city_name,
        ranked.branch_id,
        ranked.employee_id,
        conflicts.core_record_count,
        conflicts.name_conflict_count,
        conflicts.birth_date_conflict_count,
        conflicts.is_marketing_allowed,
        conflicts.restriction_code,
        questionnaires.risk_level_code,
        questionnaires.risk_assessed_date,
        conflicts.since_date
    from ranked
    inner join conflicts on ranked.customer_key = conflicts.customer_key
    left join questionnaires on ranked.customer_key = questionnaires.customer_key
    where ranked.survivor_rank = 1
)

select * from customer_basics
