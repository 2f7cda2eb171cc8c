-- Keys outlive runs. A customer keeps the key under which most of its records were known;
-- where two keyed customers become one, the older key survives; where one becomes two, the
-- larger part keeps the key, and the other takes back a key that its records once had.
create or replace temp table moved as
select record_id from resolved
union
select record_id from changed;

create or replace temp table moved_keys as
select distinct bridge.customer_key
from identity.customer_identity as bridge
semi join moved on bridge.record_id = moved.record_id
where bridge.customer_key is not null;

create or replace temp table moved_components as
select distinct component from resolved
where component is not null;

-- All records of every customer that may have changed, as they were and as they are.
create or replace temp table key_scope as
select
    coalesce(earlier.record_id, known.record_id) as record_id,
    coalesce(known.record_kind, earlier.record_kind) as record_kind,
    earlier.customer_key as earlier_key,
    known.customer_component as component,
    known.link_rule_code,
    known.record_id is null as is_gone
from (
    select * from identity.records
    where
        customer_component in (select component from moved_components)
        or record_id in (select record_id from moved)
        or record_id in (
            select record_id from identity.customer_identity
            where customer_key in (select customer_key from moved_keys)
        )
) as known
full outer join (
    select * from identity.customer_identity
    where
        customer_key in (select customer_key from moved_keys)
        or record_id in (select record_id from moved)
        or record_id in (
            select record_id from identity.records
            where customer_component in (select component from moved_components)
        )
) as earlier
    on known.record_id = earlier.record_id;

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
with held as (
    select
        key_scope.component,
        record_keys.customer_key,
        keys.key_number,
        count(*) as record_count
    from key_scope
    semi join unkeyed on key_scope.component = unkeyed.component
    inner join identity.record_keys on key_scope.record_id = record_keys.record_id
    inner join identity.customer_keys as keys
        on record_keys.customer_key = keys.customer_key and not keys.is_living
    group by key_scope.component, record_keys.customer_key, keys.key_number
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
