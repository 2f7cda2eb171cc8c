-- One row per customer: who the bank's own register says answers for it, which people
-- could, and what comes first where there is not room for all.
with known as (
    select * from {{ ref('int_customers_known') }}
),

basics as (
    select * from {{ ref('int_customer_basics') }}
),

bridge as (
    select * from {{ source('identity', 'customer_identity') }}
    where customer_key is not null
),

current_tiers as (
    select * from {{ ref('customer_tiers') }}
    where {{ as_of() }} >= valid_from and {{ as_of() }} < valid_to
),

managers as (
    select * from {{ ref('int_relationship_managers') }}
    where is_present
),

limits as (
    select * from {{ ref('relationship_limits') }}
    where {{ as_of() }} >= valid_from and {{ as_of() }} < valid_to
),

pools as (
    select pool_code
    from managers
    group by pool_code
),

-- Keys change with what is known of who is who; the record by which a customer stands
-- in line does so no more than it must.
anchors as (
    select
        customer_key,
        min(record_id) as first_record_id
    from bridge
    group by customer_key
),

relationship_candidates as (
    select
        known.customer_key,
        coalesce(basics.source_record_id, anchors.first_record_id) as anchor_record_id,
        {{ first_byte(
            'md5(coalesce(basics.source_record_id, anchors.first_record_id))'
        ) }} as slot,
        coalesce(current_tiers.tier, 'unknown') as tier,
        limits.limit_count,
        basics.branch_id,
        basics.since_date,
        basics.employee_id as named_employee_id,
        coalesce(pools.pool_code, 'central') as pool_code,
        managers.employee_id is not null as is_named_here
    from known
    inner join anchors on known.customer_key = anchors.customer_key
    left join basics on known.customer_key = basics.customer_key
    left join current_tiers on known.customer_key = current_tiers.customer_key
    left join limits on current_tiers.tier = limits.tier
    left join pools on basics.branch_id = pools.pool_code
    left join managers
        on
            basics.employee_id = managers.employee_id
            and coalesce(pools.pool_code, 'central') = managers.pool_code
)

select * from relationship_candidates
