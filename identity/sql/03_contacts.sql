-- A number or an address under which somebody called or wrote belongs to the one customer
-- who holds it. Held by several, it is shared: its contacts stay without a customer, for
-- nobody can tell who called. Held by none, it is a person whom only that channel knows.
create or replace temp table holders as
select distinct
    evidence.identifier_kind,
    evidence.identifier_value,
    components.component
from evidence
inner join nodes on evidence.record_id = nodes.record_id
inner join components on nodes.node = components.node
where
    evidence.identifier_kind in ('phone', 'email')
    and nodes.record_kind in ('core_customer', 'login');

create or replace temp table holder_counts as
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
select
    nodes.record_id,
    own.identifier_kind,
    own.identifier_value
from nodes
inner join intermediate.int_record_identifiers as own
    on
        nodes.record_id = own.record_id
        and nodes.record_kind = own.identifier_kind
where nodes.record_kind in ('phone', 'email');

create or replace temp table resolved as
select
    nodes.record_id,
    nodes.record_kind,
    case
        when nodes.record_kind in ('card', 'account') and owned.component is null
            then null
        when nodes.record_kind = 'anonymous' then null
        when nodes.record_kind not in ('phone', 'email') then components.component
        when blocked.identifier_value is not null then null
        when holder_counts.holder_count > 1 then null
        else coalesce(holder_counts.component, components.component)
    end as component,
    case
        when nodes.record_kind in ('card', 'account') and owned.component is null
            then 'no_known_owner'
        when nodes.record_kind = 'anonymous' then 'anonymous'
        when guest_edges.left_node is not null then 'phone_and_email'
        when nodes.record_kind in ('core_customer', 'login') then 'strong_identifier'
        when nodes.record_kind in ('card', 'account') then 'holder_of_account'
        when blocked.identifier_value is not null then 'blocked_identifier'
        when holder_counts.holder_count > 1 then 'shared_' || nodes.record_kind
        when holder_counts.holder_count = 1 then 'sole_holder_of_' || nodes.record_kind
        else 'known_to_one_channel'
    end as link_rule_code
from nodes
inner join components on nodes.node = components.node
left join guest_edges on nodes.node = guest_edges.left_node
left join known_components as owned on components.component = owned.component
left join own_contacts as own on nodes.record_id = own.record_id
left join identity.blocked_identifiers as blocked
    on
        own.identifier_kind = blocked.identifier_kind
        and own.identifier_value = blocked.identifier_value
left join holder_counts
    on
        own.identifier_kind = holder_counts.identifier_kind
        and own.identifier_value = holder_counts.identifier_value;
