-- One row per record: which customer it is, and by which rule.
with bridge as (
    select * from {{ source('identity', 'customer_identity') }}
),

record_months as (
    select * from {{ ref('int_record_months') }}
),

figures as (
    select
        record_id,
        sum(interaction_count) as interaction_count
    from record_months
    group by record_id
),

customer_records as (
    select
        bridge.record_id,
        bridge.record_kind,
        bridge.customer_key,
        bridge.link_rule_code,
        cast(coalesce(figures.interaction_count, 0) as bigint) as interaction_count
    from bridge
    left join figures on bridge.record_id = figures.record_id
)

select * from customer_records
