-- Writes keys, events, redirects and the bridge.
-- Expects temp table new_keys(component, customer_key, key_number).
create or replace temp table keyed as
select component, customer_key from survivors
union all by name
select component, customer_key from former_keys
union all by name
select component, customer_key from new_keys;

insert into identity.key_event by name
select
    cast($as_of as date) as business_date,
    case
        when split_from.customer_key is not null then 'split'
        when former.customer_key is not null then 'revived'
        else 'born'
    end as event_code,
    keyed.customer_key,
    split_from.customer_key as other_customer_key,
    case
        when split_from.customer_key is not null and former.customer_key is not null
            then 'what tied it to the other key is gone: it has its earlier key again'
        when split_from.customer_key is not null
            then 'what tied it to the other key is gone'
        when former.customer_key is not null
            then 'its records are there again'
        else 'first seen in ' || unkeyed.seed_record_id
    end as cause
from keyed
inner join unkeyed on keyed.component = unkeyed.component
left join split_from on keyed.component = split_from.component
left join former_keys as former on keyed.component = former.component
order by unkeyed.seed_record_id;

-- Keys that live no longer: merged where their records are another customer's now.
create or replace temp table retired as
with held as (
    select earlier_key from key_scope
    group by earlier_key
    having bool_or(not is_gone and link_rule_code = 'held_back')
)

select
    keys.customer_key,
    keyed.customer_key as living_key,
    case
        when keyed.customer_key is not null then 'merged'
        when held.earlier_key is not null then 'held_back'
        else 'erased'
    end as state_code
from identity.customer_keys as keys
semi join moved_keys on keys.customer_key = moved_keys.customer_key
left join key_homes on keys.customer_key = key_homes.customer_key
left join keyed on key_homes.component = keyed.component
left join held on keys.customer_key = held.earlier_key
where
    keys.is_living
    and keys.customer_key not in (select customer_key from keyed);

insert into identity.key_event by name
select
    cast($as_of as date) as business_date,
    state_code as event_code,
    customer_key,
    living_key as other_customer_key,
    case state_code
        when 'merged' then 'evidence ties its records to the older key'
        when 'held_back' then 'its cluster is too large for one person: see the review queue'
        else 'no channel knows its records any more'
    end as cause
from retired
order by customer_key;

update identity.customer_keys
set is_living = false
where customer_key in (select customer_key from retired);

update identity.customer_keys
set is_living = true
where customer_key in (select customer_key from former_keys);

insert into identity.customer_keys by name
select
    new_keys.customer_key,
    new_keys.key_number,
    cast($as_of as date) as born_date,
    newborns.seed_record_id,
    true as is_living
from new_keys
inner join newborns on new_keys.component = newborns.component
order by new_keys.key_number;

delete from identity.key_redirect
where retired_key in (select customer_key from former_keys);

insert into identity.key_redirect by name
select
    customer_key as retired_key,
    living_key as next_key,
    living_key,
    state_code,
    cast($as_of as date) as business_date
from retired
order by customer_key;

-- A redirect leads to a living key at once, however often that one moved on.
create or replace temp table redirect_ends as
with recursive steps as (
    select
        retired_key,
        next_key,
        state_code
    from identity.key_redirect
    union all
    select
        steps.retired_key,
        further.next_key,
        further.state_code
    from steps
    inner join identity.key_redirect as further on steps.next_key = further.retired_key
)

select
    steps.retired_key,
    steps.next_key as living_key,
    steps.state_code
from steps
anti join identity.key_redirect as further on steps.next_key = further.retired_key;

update identity.key_redirect as redirects
set
    living_key = ends.living_key,
    state_code = ends.state_code
from redirect_ends as ends
where
    redirects.retired_key = ends.retired_key
    and redirects.living_key is distinct from ends.living_key;

-- Most records were looked at in vain; only those that are other than before are written.
create or replace temp table rewritten as
select
    key_scope.record_id,
    key_scope.record_kind,
    key_scope.fingerprint,
    key_scope.graph_component,
    key_scope.component as customer_component,
    keyed.customer_key,
    key_scope.link_rule_code,
    key_scope.earlier_key,
    key_scope.is_gone,
    key_scope.earlier_key is distinct from keyed.customer_key as is_rekeyed
from key_scope
left join keyed on key_scope.component = keyed.component
where
    key_scope.is_gone
    or key_scope.earlier_hash is distinct from hash(
        key_scope.record_kind,
        key_scope.fingerprint,
        key_scope.graph_component,
        key_scope.component,
        keyed.customer_key,
        key_scope.link_rule_code
    );

create or replace temp view rekeyed as
select
    record_id,
    earlier_key,
    customer_key
from rewritten
where is_rekeyed;

-- What was believed for less than a day was not believed.
delete from identity.record_keys
where
    valid_to is null
    and valid_from = cast($as_of as date)
    and record_id in (select record_id from rekeyed);

update identity.record_keys
set valid_to = cast($as_of as date)
where valid_to is null and record_id in (select record_id from rekeyed);

insert into identity.record_keys by name
select
    record_id,
    customer_key,
    cast($as_of as date) as valid_from,
    cast(null as date) as valid_to
from rekeyed
where customer_key is not null;

insert into identity.moved_records by name
from rekeyed;

delete from identity.records
where record_id in (select record_id from rewritten);

insert into identity.records by name
select * exclude (earlier_key, is_gone, is_rekeyed) from rewritten
where not is_gone
order by customer_key, record_id;

drop view rekeyed;

drop table rewritten;

drop table key_scope;

drop table scope_resolved;
