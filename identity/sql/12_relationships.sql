-- Ties between customers that are no evidence of identity, each with what it rests on.
-- Expects the macro masked(text).
create or replace table identity.relationships as
with holders as (
    select distinct
        account_holders.account_id,
        account_holders.account_holder_id,
        account_holders.role_code,
        bridge.customer_key
    from staging.stg_core_banking__account_holders as account_holders
    inner join identity.customer_identity as bridge
        on 'core_banking:customer:' || account_holders.core_customer_id = bridge.record_id
    where bridge.customer_key is not null
),

card_holders as (
    select distinct cards.account_holder_id
    from staging.stg_core_banking__cards as cards
),

by_account as (
    select distinct
        owner.customer_key,
        other.customer_key as other_customer_key,
        case
            when other.role_code <> 'proxy' then 'joint_holder'
            when card_holders.account_holder_id is not null then 'authorised_user'
            else 'proxy'
        end as relationship_code,
        'account ' || masked(owner.account_id) as evidence
    from holders as owner
    inner join holders as other
        on
            owner.account_id = other.account_id
            and owner.customer_key <> other.customer_key
    left join card_holders on other.account_holder_id = card_holders.account_holder_id
    where
        owner.role_code in ('owner', 'joint_owner')
        and (other.role_code = 'proxy' or owner.customer_key < other.customer_key)
),

persons as (
    select
        bridge.customer_key,
        bridge.record_kind,
        persons.family_name,
        persons.address,
        persons.phone,
        persons.email
    from intermediate.int_person_records as persons
    inner join identity.customer_identity as bridge
        on persons.record_id = bridge.record_id
    where bridge.customer_key is not null
),

contacts as (
    select distinct customer_key, 'phone' as identifier_kind, phone as identifier_value
    from persons
    where phone is not null
    union
    select distinct customer_key, 'email' as identifier_kind, email as identifier_value
    from persons
    where email is not null
),

usable_contacts as (
    select contacts.*
    from contacts
    anti join identity.blocked_identifiers as blocked
        on
            contacts.identifier_kind = blocked.identifier_kind
            and contacts.identifier_value = blocked.identifier_value
),

by_contact as (
    select
        one.customer_key,
        other.customer_key as other_customer_key,
        'shared_' || one.identifier_kind as relationship_code,
        one.identifier_kind || ' ' || masked(one.identifier_value) as evidence
    from usable_contacts as one
    inner join usable_contacts as other
        on
            one.identifier_kind = other.identifier_kind
            and one.identifier_value = other.identifier_value
            and one.customer_key < other.customer_key
),

residents as (
    select distinct customer_key, address
    from persons
    where address is not null
),

-- Where many customers live under one address, it is an institution's.
homes as (
    select address
    from residents
    group by address
    having count(*) between 2 and $max_household_customers
),

by_home as (
    select
        one.customer_key,
        other.customer_key as other_customer_key,
        'household' as relationship_code,
        'address ' || masked(one.address) as evidence
    from residents as one
    semi join homes on one.address = homes.address
    inner join residents as other
        on one.address = other.address and one.customer_key < other.customer_key
),

paid as (
    select distinct
        payers.counterparty_account,
        holders.customer_key
    from intermediate.int_incoming_payers as payers
    inner join holders on payers.account_id = holders.account_id
    where holders.role_code = 'owner'
),

employers as (
    select
        counterparty_account,
        count(*) as customer_count
    from paid
    group by counterparty_account
    having count(*) >= $min_employees
),

by_employer as (
    select
        paid.customer_key,
        cast(null as varchar) as other_customer_key,
        'employer_account' as relationship_code,
        'account ' || masked(paid.counterparty_account) || ' pays '
        || employers.customer_count || ' customers' as evidence
    from paid
    inner join employers on paid.counterparty_account = employers.counterparty_account
)

select customer_key, other_customer_key, relationship_code, evidence from by_account
union
select customer_key, other_customer_key, relationship_code, evidence from by_contact
union
select customer_key, other_customer_key, relationship_code, evidence from by_home
union
select customer_key, other_customer_key, relationship_code, evidence from by_employer
order by customer_key, other_customer_key, relationship_code, evidence;
