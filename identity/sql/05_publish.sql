-- Expects temp table new_keys(component, customer_key, key_number).
create or replace temp table keyed as
select component, customer_key from survivors
union all by name
select component, customer_key from new_keys;

insert into identity.key_event by name
select
    cast($as_of as date) as business_date,
    case when newborns.split_from_key is null then 'born' else 'split' end as event_code,
    new_keys.customer_key,
    newborns.split_from_key as other_customer_key,
    case
        when newborns.split_from_key is null then 'first seen in ' || newborns.seed_record_id
        else 'the evidence that tied it to the other key is gone'
    end as cause
from new_keys
inner join newborns on new_keys.component = newborns.component
order by new_keys.key_number;

-- Keys that live no longer: merged where their records are another customer's now.
create or replace temp table retired as
select
    keys.customer_key,
    keyed.customer_key as living_key
from identity.customer_keys as keys
left join key_homes on keys.customer_key = key_homes.customer_key
left join keyed on key_homes.component = keyed.component
where
    keys.is_living
    and keys.customer_key not in (select customer_key from keyed);

insert into identity.key_event by name
select
    cast($as_of as date) as business_date,
    case when living_key is null then 'vanished' else 'merged' end as event_code,
    customer_key,
    living_key as other_customer_key,
    case
        when living_key is null then 'no channel knows its records any more'
        else 'evidence ties its records to the older key'
    end as cause
from retired
order by customer_key;

-- A redirect leads to a living key at once, however often that one moved on.
update identity.key_redirect as redirect
set living_key = retired.living_key
from retired
where redirect.living_key = retired.customer_key;

insert into identity.key_redirect by name
select
    customer_key as retired_key,
    living_key,
    cast($as_of as date) as business_date
from retired
order by customer_key;

update identity.customer_keys
set is_living = false
where customer_key in (select customer_key from retired);

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

create or replace table identity.customer_identity as
select
    resolved.record_id,
    resolved.record_kind,
    keyed.customer_key,
    resolved.link_rule_code
from resolved
left join keyed on resolved.component = keyed.component
order by keyed.customer_key, resolved.record_id;

-- A customer that comes back after its records were gone has a new key: the old one
-- leads to it.
update identity.key_redirect as redirect
set living_key = bridge.customer_key
from identity.customer_keys as keys
inner join identity.customer_identity as bridge
    on keys.seed_record_id = bridge.record_id
where
    redirect.living_key is null
    and redirect.retired_key = keys.customer_key
    and bridge.customer_key is not null;
