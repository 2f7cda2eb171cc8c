-- What identity keeps from one night to the next, made where it is missing.
create table if not exists identity.records (
    record_id varchar not null,
    record_kind varchar not null,
    fingerprint ubigint,
    graph_component varchar not null,
    customer_component varchar,
    customer_key varchar,
    link_rule_code varchar not null
);

create table if not exists identity.evidence (
    record_id varchar not null,
    identifier_kind varchar not null,
    identifier_value varchar not null,
    since_date date not null
);

create table if not exists identity.blocked_identifiers (
    identifier_kind varchar not null,
    identifier_value varchar not null,
    record_count bigint not null,
    reason_code varchar not null
);

create table if not exists identity.crowded_blocks (
    block_name varchar not null,
    block_key ubigint not null,
    record_count bigint not null
);

create table if not exists identity.pairs (
    left_record_id varchar not null,
    right_record_id varchar not null,
    match_weight double not null,
    veto_code varchar,
    since_date date not null
);

create table if not exists identity.decisions (
    left_record_id varchar not null,
    right_record_id varchar not null,
    decision_code varchar not null,
    decided_date date not null,
    decided_by varchar not null,
    note varchar
);

create or replace view identity.customer_identity as
select
    record_id,
    record_kind,
    customer_key,
    link_rule_code
from identity.records;

create table if not exists identity.record_keys (
    record_id varchar not null,
    customer_key varchar not null,
    valid_from date not null,
    valid_to date
);

-- Of this run alone: which records have another customer than before it, or none.
create or replace table identity.moved_records (
    record_id varchar not null,
    earlier_key varchar,
    customer_key varchar
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
    next_key varchar,
    living_key varchar,
    state_code varchar not null,
    business_date date not null
);

create table if not exists identity.state (
    parameters varchar not null,
    as_of_date date not null
);

create or replace macro identity.customer_identity_as_of(day) as table
select
    record_id,
    customer_key
from identity.record_keys
where valid_from <= day and coalesce(valid_to > day, true);

create or replace macro identity.customers_as_of(day) as table
select
    known.customer_key,
    count(*) as record_count,
    min(known.valid_from) as known_since_date,
    coalesce(min(redirects.living_key), known.customer_key) as living_key
from identity.record_keys as known
left join identity.key_redirect as redirects
    on known.customer_key = redirects.retired_key
where known.valid_from <= day and coalesce(known.valid_to > day, true)
group by known.customer_key;
