-- One row per account and customer who owns it, with the customer's share of it.
-- Owners share alike; a proxy owns nothing.
with account_holders as (
    select * from {{ ref('stg_core_banking__account_holders') }}
),

bridge as (
    select * from {{ source('identity', 'customer_identity') }}
),

owners as (
    select distinct
        account_holders.account_id,
        bridge.customer_key
    from account_holders
    inner join bridge
        on
            'core_banking:customer:' || account_holders.core_customer_id
            = bridge.record_id
    where
        account_holders.role_code in ('owner', 'joint_owner')
        and bridge.customer_key is not null
),

account_owners as (
    select
        account_id,
        customer_key,
        1.0 / count(*) over (partition by account_id) as owner_share_ratio
    from owners
)

select * from account_owners
