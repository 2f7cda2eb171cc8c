-- One row per customer and period with its tier, and the branch that keeps it today.
with customer_tiers as (
    select * from {{ ref('customer_tiers') }}
),

basics as (
    select * from {{ ref('int_customer_basics') }}
),

customer_places as (
    select
        customer_tiers.customer_key,
        coalesce(basics.branch_id, 'unknown') as branch_id,
        customer_tiers.tier,
        customer_tiers.valid_from,
        customer_tiers.valid_to
    from customer_tiers
    left join basics on customer_tiers.customer_key = basics.customer_key
)

select * from customer_places
