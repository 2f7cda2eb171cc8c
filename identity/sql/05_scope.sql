-- The part of the graph that tonight may change: every record that is connected, last
-- night or now, with one that changed. All else stays as it is.
-- Expects temp table tonight_decisions like identity.decisions.
create or replace temp table stirred as
select record_id from recompared
union
select left_record_id from former_pairs
union
select right_record_id from former_pairs
union
select left_record_id from scored
union
select right_record_id from scored
union
select unnest([left_record_id, right_record_id])
from (
    (from identity.decisions except from tonight_decisions)
    union all
    (from tonight_decisions except from identity.decisions)
)
union
select evidence.record_id
from touched_evidence as evidence
anti join (from blocked_before intersect from blocked_now) as blocked
    on
        evidence.identifier_kind = blocked.identifier_kind
        and evidence.identifier_value = blocked.identifier_value;

delete from identity.decisions;

insert into identity.decisions by name from tonight_decisions;

create or replace temp table stirred_components as
select distinct known.graph_component
from identity.records as known
semi join stirred on known.record_id = stirred.record_id;

create or replace temp table scope_records as
with connected as (
    select
        known.record_id,
        coalesce(changed.record_kind, known.record_kind) as record_kind,
        coalesce(changed.fingerprint, known.fingerprint) as fingerprint,
        known.customer_key as earlier_key,
        coalesce(changed.is_gone, false) as is_gone
    from identity.records as known
    semi join stirred_components as stirred_parts
        on known.graph_component = stirred_parts.graph_component
    left join changed on known.record_id = changed.record_id
),

arrived as (
    select
        record_id,
        record_kind,
        fingerprint,
        cast(null as varchar) as earlier_key,
        false as is_gone
    from changed
    where is_new
)

select * from connected
union all by name
select * from arrived;

create or replace temp view scope as
select
    record_id,
    record_kind,
    fingerprint,
    rowid as node
from scope_records
where not is_gone;

create or replace temp table scope_evidence as
select
    scope.node,
    evidence.identifier_kind,
    evidence.identifier_value,
    caps.is_strong
from identity.evidence
inner join scope on evidence.record_id = scope.record_id
inner join policy.identifier_caps as caps
    on evidence.identifier_kind = caps.identifier_kind
anti join identity.blocked_identifiers as blocked
    on
        evidence.identifier_kind = blocked.identifier_kind
        and evidence.identifier_value = blocked.identifier_value;

-- A strong identifier ties all its records to the first of them.
create or replace temp table strong_edges as
with firsts as (
    select
        identifier_kind,
        identifier_value,
        min(node) as node
    from scope_evidence
    where is_strong
    group by identifier_kind, identifier_value
    having count(*) > 1
)

select distinct
    scope_evidence.node as left_node,
    firsts.node as right_node
from scope_evidence
inner join firsts
    on
        scope_evidence.identifier_kind = firsts.identifier_kind
        and scope_evidence.identifier_value = firsts.identifier_value
where scope_evidence.node <> firsts.node;

create or replace temp table scope_persons as
select
    scope.node,
    persons.full_name is not null or persons.birth_date is not null as is_described
from scope
inner join intermediate.int_person_records as persons
    on scope.record_id = persons.record_id;

-- A pair links two records that both say who somebody is, by name or birth date; where
-- one has but contacts, it only attaches.
create or replace temp table scope_pairs as
select
    one.node as left_node,
    other.node as right_node,
    pairs.match_weight,
    one_person.is_described and other_person.is_described as is_link
from identity.pairs
inner join scope as one on pairs.left_record_id = one.record_id
inner join scope as other on pairs.right_record_id = other.record_id
inner join scope_persons as one_person on one.node = one_person.node
inner join scope_persons as other_person on other.node = other_person.node
where pairs.match_weight >= $link_weight and pairs.veto_code is null;

-- Pairs that are two people, whatever a third record says of both.
create or replace temp table parted_pairs as
select
    one.node as left_node,
    other.node as right_node
from identity.pairs
inner join scope as one on pairs.left_record_id = one.record_id
inner join scope as other on pairs.right_record_id = other.record_id
where pairs.veto_code in ('names_differ', 'national_ids_differ');

create or replace temp table scope_decisions as
select
    one.node as left_node,
    other.node as right_node,
    decisions.decision_code
from identity.decisions
inner join scope as one on decisions.left_record_id = one.record_id
inner join scope as other on decisions.right_record_id = other.record_id;

-- What is connected at all, besides by strong identifiers.
create or replace temp table graph_edges as
select left_node, right_node from scope_pairs
union all
select left_node, right_node from scope_decisions;

-- What makes one customer of two, besides strong identifiers.
create or replace temp table link_edges as
select left_node, right_node from scope_pairs where is_link
union all
select left_node, right_node from scope_decisions where decision_code = 'same';
