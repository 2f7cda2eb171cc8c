-- The customer of every record of the scope, and of the numbers and addresses that it
-- has to do with. A number or an address under which somebody called or wrote belongs
-- to the one customer who holds it. Held by several, it is shared: its contacts stay
-- without a customer, for nobody can tell who called. Held by none, it is a person whom
-- only that channel knows.
-- Expects temp tables linked, graph and stranger_groups(node, component), and
-- strong(node, component).
create or replace temp table joined as
select
    linked.node,
    case
        when targets.target_count = 1 then targets.target_component
        else coalesce(groups.component, linked.component)
    end as component,
    targets.target_count,
    linked.component as own_component
from linked
left join guest_targets as targets on linked.component = targets.guest_component
left join stranger_groups as groups on linked.component = groups.node;

-- Components are named by their least record, so that the name is the same in any run.
create or replace temp table component_names as
select
    joined.component,
    min(scope.record_id) as component_name
from joined
inner join scope on joined.node = scope.node
where joined.component is not null
group by joined.component;

create or replace temp table graph_names as
select
    graph.component,
    min(scope.record_id) as component_name
from graph
inner join scope on graph.node = scope.node
group by graph.component;

create or replace temp table named_components as
select distinct joined.component
from joined
inner join linked on joined.node = linked.node
inner join known_components as known on linked.component = known.component;

-- Records that are one customer's by score or by decision, not by identifiers alone.
create or replace temp table scored_nodes as
select distinct unnest([pairs.left_node, pairs.right_node]) as node
from (
    select left_node, right_node from scope_pairs where is_link
    union all
    select left_node, right_node from scope_decisions where decision_code = 'same'
) as pairs
inner join joined as one on pairs.left_node = one.node
inner join joined as other on pairs.right_node = other.node
inner join strong as one_strong on pairs.left_node = one_strong.node
inner join strong as other_strong on pairs.right_node = other_strong.node
where
    one.component = other.component
    and one_strong.component <> other_strong.component;

create or replace temp table scope_resolved as
select
    scope.record_id,
    scope.record_kind,
    scope.fingerprint,
    graph_names.component_name as graph_component,
    case
        when scope.record_kind = 'anonymous' then null
        when
            scope.record_kind in ('card', 'account')
            and named_components.component is null
            then null
        else component_names.component_name
    end as component,
    case
        when scope.record_kind = 'anonymous' then 'anonymous'
        when joined.own_component is null then 'held_back'
        when
            scope.record_kind in ('card', 'account')
            and named_components.component is null
            then 'no_known_owner'
        when joined.target_count = 1 then 'attached_by_score'
        when joined.target_count > 1 then 'attached_to_several'
        when scored_nodes.node is not null then 'linked_by_score'
        when scope.record_kind in ('card', 'account') then 'holder_of_account'
        else 'strong_identifier'
    end as link_rule_code
from scope
inner join joined on scope.node = joined.node
inner join graph on scope.node = graph.node
inner join graph_names on graph.component = graph_names.component
left join component_names on joined.component = component_names.component
left join named_components on joined.component = named_components.component
left join scored_nodes on scope.node = scored_nodes.node;

create or replace temp table contact_values as
select identifier_kind, identifier_value from scope_evidence
where identifier_kind in ('phone', 'email')
union
select identifier_kind, identifier_value from touched_values
where identifier_kind in ('phone', 'email');

create or replace temp table contact_evidence as
select
    evidence.record_id,
    evidence.identifier_kind,
    evidence.identifier_value
from identity.evidence
semi join contact_values as contacts
    on
        evidence.identifier_kind = contacts.identifier_kind
        and evidence.identifier_value = contacts.identifier_value
where evidence.identifier_kind in ('phone', 'email');

create or replace temp table contact_records as
select known.*
from identity.records as known
semi join contact_evidence as evidence on known.record_id = evidence.record_id;

create or replace temp table holder_counts as
with components as (
    select
        record_id,
        record_kind,
        component
    from scope_resolved
    union all
    select
        known.record_id,
        known.record_kind,
        known.customer_component as component
    from contact_records as known
    anti join scope on known.record_id = scope.record_id
    anti join changed on known.record_id = changed.record_id
),

holders as (
    select distinct
        evidence.identifier_kind,
        evidence.identifier_value,
        components.component
    from contact_evidence as evidence
    inner join components on evidence.record_id = components.record_id
    where
        components.record_kind in ('core_customer', 'login')
        and components.component is not null
)

select
    identifier_kind,
    identifier_value,
    count(*) as holder_count,
    min(component) as component
from holders
group by identifier_kind, identifier_value;

-- The number or address that a contact record is, of contact records alone: joining it to
-- all records under a condition of one side made DuckDB compare every pair.
create or replace temp table own_contacts as
with contacts as (
    select
        record_id,
        record_kind,
        fingerprint
    from scope_resolved
    where record_kind in ('phone', 'email')
    union all
    select
        record_id,
        record_kind,
        fingerprint
    from contact_records
    where
        record_kind in ('phone', 'email')
        and record_id not in (select record_id from scope)
        and record_id not in (select record_id from changed)
)

select
    contacts.*,
    evidence.identifier_value
from contacts
inner join contact_evidence as evidence
    on
        contacts.record_id = evidence.record_id
        and contacts.record_kind = evidence.identifier_kind;

create or replace temp table contact_resolved as
select
    own.record_id,
    own.record_kind,
    own.fingerprint,
    coalesce(
        scope_resolved.graph_component, known.graph_component
    ) as graph_component,
    case
        when blocked.identifier_value is not null then null
        when holder_counts.holder_count > 1 then null
        else coalesce(holder_counts.component, own.record_id)
    end as component,
    case
        when blocked.identifier_value is not null then 'blocked_identifier'
        when holder_counts.holder_count > 1 then 'shared_' || own.record_kind
        when holder_counts.holder_count = 1 then 'sole_holder_of_' || own.record_kind
        else 'known_to_one_channel'
    end as link_rule_code
from own_contacts as own
left join scope_resolved on own.record_id = scope_resolved.record_id
left join contact_records as known on own.record_id = known.record_id
left join identity.blocked_identifiers as blocked
    on
        own.record_kind = blocked.identifier_kind
        and own.identifier_value = blocked.identifier_value
left join holder_counts
    on
        own.record_kind = holder_counts.identifier_kind
        and own.identifier_value = holder_counts.identifier_value;

create or replace temp view resolved as
select * from contact_resolved
union all by name
select scope_resolved.*
from scope_resolved
anti join contact_resolved as contacts on scope_resolved.record_id = contacts.record_id;

drop table joined;

drop table contact_evidence;

drop table scope_evidence;
