-- Keys outlive runs. A customer keeps the key under which most of its records were known;
-- where two keyed customers become one, the older key survives; where one becomes two, the
-- larger part keeps the key, and the other takes back a key that its records once had.
create or replace temp table moved as
select record_id from resolved
union
select record_id from changed;

create or replace temp table moved_keys as
select earlier_key as customer_key from scope_records
where earlier_key is not null
union
select known.customer_key
from contact_records as known
semi join contact_resolved as contacts on known.record_id = contacts.record_id
where known.customer_key is not null;

-- All records of every customer that may have changed, as they were and as they are.
create or replace temp table key_scope as
with earlier as (
    select known.* from identity.records as known
    semi join moved_keys on known.customer_key = moved_keys.customer_key
    union all
    select known.* from identity.records as known
    semi join moved on known.record_id = moved.record_id
    where known.customer_key is null
),

untouched as (
    select earlier.* from earlier
    anti join moved on earlier.record_id = moved.record_id
),

tonight as (
    select * from resolved
    union all by name
    select
        * exclude (customer_component, customer_key),
        customer_component as component
    from untouched
)

select
    coalesce(tonight.record_id, earlier.record_id) as record_id,
    coalesce(tonight.record_kind, earlier.record_kind) as record_kind,
    tonight.fingerprint,
    tonight.graph_component,
    tonight.component,
    earlier.customer_key as earlier_key,
    tonight.link_rule_code,
    tonight.record_id is null as is_gone,
    case
        when earlier.record_id is not null
            then hash(
                earlier.record_kind,
                earlier.fingerprint,
                earlier.graph_component,
                earlier.customer_component,
                earlier.customer_key,
                earlier.link_rule_code
            )
    end as earlier_hash
from tonight
full outer join earlier on tonight.record_id = earlier.record_id;

create or replace temp table key_overlaps as
select
    earlier_key as customer_key,
    component,
    count(*) as record_count,
    min(record_id) as first_record_id
from key_scope
where component is not null and earlier_key is not null
group by earlier_key, component;

-- Where each earlier key has most of its records now.
create or replace temp table key_homes as
select
    customer_key,
    component
from key_overlaps
qualify
    row_number() over (
        partition by customer_key
        order by record_count desc, first_record_id asc
    ) = 1;

create or replace temp table survivors as
select
    key_homes.component,
    key_homes.customer_key
from key_homes
inner join identity.customer_keys as keys
    on key_homes.customer_key = keys.customer_key
qualify
    row_number() over (
        partition by key_homes.component
        order by keys.key_number asc
    ) = 1;

create or replace temp table unkeyed as
select
    component,
    min(record_id) as seed_record_id
from key_scope
where
    component is not null
    and component not in (select component from survivors)
group by component;

create or replace temp table split_from as
select
    component,
    customer_key
from key_overlaps
where component in (select component from unkeyed)
qualify
    row_number() over (
        partition by component
        order by record_count desc, customer_key asc
    ) = 1;

-- Retired keys that records of a customer without one had before: the key that most of
-- them had comes back, and leads to nobody else any more.
create or replace temp table former_keys as
with retired_keys as (
    select
        customer_key,
        key_number
    from identity.customer_keys
    where not is_living
),

held_then as (
    select
        record_keys.record_id,
        retired_keys.customer_key,
        retired_keys.key_number
    from identity.record_keys
    inner join retired_keys on record_keys.customer_key = retired_keys.customer_key
),

held as (
    select
        key_scope.component,
        held_then.customer_key,
        held_then.key_number,
        count(*) as record_count
    from held_then
    inner join key_scope on held_then.record_id = key_scope.record_id
    semi join unkeyed on key_scope.component = unkeyed.component
    group by key_scope.component, held_then.customer_key, held_then.key_number
),

homes as (
    select * from held
    qualify
        row_number() over (
            partition by customer_key
            order by record_count desc, component asc
        ) = 1
)

select
    component,
    customer_key,
    key_number
from homes
qualify
    row_number() over (
        partition by component
        order by record_count desc, key_number asc
    ) = 1;

create or replace temp table newborns as
select
    unkeyed.component,
    unkeyed.seed_record_id,
    row_number() over (order by unkeyed.seed_record_id) as birth_order
from unkeyed
anti join former_keys as former on unkeyed.component = former.component;
