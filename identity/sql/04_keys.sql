-- Keys outlive runs. A customer keeps the key under which most of its records were known;
-- where two keyed customers become one, the older key survives; where one becomes two, the
-- larger part keeps the key.
create table if not exists identity.customer_identity (
    record_id varchar not null,
    record_kind varchar not null,
    customer_key varchar,
    link_rule_code varchar not null
);

create table if not exists identity.customer_keys (
    customer_key varchar not null,
    key_number bigint not null,
    born_date date not null,
    seed_record_id varchar not null,
    is_living boolean not null
);

create table if not exists identity.key_event (
    business_date date not null,
    event_code varchar not null,
    customer_key varchar not null,
    other_customer_key varchar,
    cause varchar not null
);

create table if not exists identity.key_redirect (
    retired_key varchar not null,
    living_key varchar,
    business_date date not null
);

create or replace temp table key_overlaps as
select
    earlier.customer_key,
    resolved.component,
    count(*) as record_count,
    min(resolved.record_id) as first_record_id
from resolved
inner join identity.customer_identity as earlier
    on resolved.record_id = earlier.record_id
where resolved.component is not null and earlier.customer_key is not null
group by earlier.customer_key, resolved.component;

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

create or replace temp table newborns as
select
    unkeyed.component,
    unkeyed.seed_record_id,
    split.customer_key as split_from_key,
    row_number() over (order by unkeyed.seed_record_id) as birth_order
from (
    select
        component,
        min(record_id) as seed_record_id
    from resolved
    where
        component is not null
        and component not in (select component from survivors)
    group by component
) as unkeyed
left join (
    select
        component,
        customer_key
    from key_overlaps
    qualify
        row_number() over (
            partition by component
            order by record_count desc, customer_key asc
        ) = 1
) as split on unkeyed.component = split.component;
