-- Identifiers that are no evidence: dummies by pattern, and those that too many
-- records share. They are reported here, and nothing else reads them.
create or replace table identity.blocked_identifiers as
with counted as (
    select
        identifier_kind,
        identifier_value,
        count(distinct record_id) as record_count
    from intermediate.int_record_identifiers
    group by identifier_kind, identifier_value
),

dummies as (
    select
        counted.identifier_kind,
        counted.identifier_value,
        min(blocklist.reason_code) as reason_code
    from counted
    inner join policy.identifier_blocklist as blocklist
        on
            counted.identifier_kind = blocklist.identifier_kind
            and regexp_full_match(counted.identifier_value, blocklist.pattern)
    group by counted.identifier_kind, counted.identifier_value
)

select
    counted.identifier_kind,
    counted.identifier_value,
    counted.record_count,
    coalesce(dummies.reason_code, 'too_many_records') as reason_code
from counted
left join dummies
    on
        counted.identifier_kind = dummies.identifier_kind
        and counted.identifier_value = dummies.identifier_value
left join policy.identifier_caps as caps
    on counted.identifier_kind = caps.identifier_kind
where dummies.reason_code is not null or counted.record_count > caps.max_records
order by counted.identifier_kind, counted.identifier_value;

create or replace temp table evidence as
select
    identifiers.record_id,
    identifiers.identifier_kind,
    identifiers.identifier_value
from intermediate.int_record_identifiers as identifiers
anti join identity.blocked_identifiers as blocked
    on
        identifiers.identifier_kind = blocked.identifier_kind
        and identifiers.identifier_value = blocked.identifier_value;

-- Records as numbers in order of name, so that the least number is the same in any run.
create or replace temp table nodes as
select
    record_id,
    record_kind,
    row_number() over (order by record_id) as node
from intermediate.int_records;

-- A strong identifier ties all its records to the first of them.
create or replace temp table edges as
select distinct
    nodes.node as left_node,
    min(nodes.node) over (
        partition by evidence.identifier_kind, evidence.identifier_value
    ) as right_node
from evidence
inner join nodes on evidence.record_id = nodes.record_id
inner join policy.identifier_caps as caps
    on evidence.identifier_kind = caps.identifier_kind
where caps.is_strong;
