-- Ties between customers that are no evidence of identity.
create or replace table identity.relationships as
with holders as (
    select distinct
        account_holders.account_id,
        account_holders.role_code,
        bridge.customer_key
    from staging.stg_core_banking__account_holders as account_holders
    inner join identity.customer_identity as bridge
        on 'core_banking:customer:' || account_holders.core_customer_id = bridge.record_id
    where bridge.customer_key is not null
),

by_account as (
    select
        owner.customer_key,
        other.customer_key as other_customer_key,
        case other.role_code when 'proxy' then 'proxy' else 'joint_owner' end
            as relationship_code,
        'account ' || owner.account_id as evidence
    from holders as owner
    inner join holders as other
        on
            owner.account_id = other.account_id
            and owner.customer_key <> other.customer_key
    where
        owner.role_code in ('owner', 'joint_owner')
        and (other.role_code = 'proxy' or owner.customer_key < other.customer_key)
),

customer_contacts as (
    select distinct
        evidence.identifier_kind,
        evidence.identifier_value,
        bridge.customer_key
    from evidence
    inner join identity.customer_identity as bridge
        on evidence.record_id = bridge.record_id
    where
        evidence.identifier_kind in ('phone', 'email')
        and bridge.record_kind in ('core_customer', 'login')
        and bridge.customer_key is not null
),

by_contact as (
    select
        one.customer_key,
        other.customer_key as other_customer_key,
        'shared_' || one.identifier_kind as relationship_code,
        one.identifier_kind || ' ...' || right(one.identifier_value, 4) as evidence
    from customer_contacts as one
    inner join customer_contacts as other
        on
            one.identifier_kind = other.identifier_kind
            and one.identifier_value = other.identifier_value
            and one.customer_key < other.customer_key
)

select customer_key, other_customer_key, relationship_code, evidence from by_account
union
select customer_key, other_customer_key, relationship_code, evidence from by_contact
order by customer_key, other_customer_key, relationship_code, evidence;
