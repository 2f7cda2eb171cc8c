-- A login that proved no core id is a customer's when its phone and its mail address are
-- both held by that one customer and by nobody else. Either alone would be too weak:
-- families and firms share them.
create or replace temp table held as
select distinct
    evidence.identifier_kind,
    evidence.identifier_value,
    components.component
from evidence
inner join nodes on evidence.record_id = nodes.record_id
inner join components on nodes.node = components.node
inner join known_components on components.component = known_components.component
where evidence.identifier_kind in ('phone', 'email');

create or replace temp table sole_holders as
select
    identifier_kind,
    identifier_value,
    min(component) as component
from held
group by identifier_kind, identifier_value
having count(*) = 1;

-- A login whose contacts lead to two customers is neither's: it would make them one.
create or replace temp table guest_edges as
select
    nodes.node as left_node,
    min(by_phone.component) as right_node
from nodes
inner join components on nodes.node = components.node
inner join evidence as phone
    on nodes.record_id = phone.record_id and phone.identifier_kind = 'phone'
inner join evidence as email
    on nodes.record_id = email.record_id and email.identifier_kind = 'email'
inner join sole_holders as by_phone
    on
        by_phone.identifier_kind = 'phone'
        and phone.identifier_value = by_phone.identifier_value
inner join sole_holders as by_email
    on
        by_email.identifier_kind = 'email'
        and email.identifier_value = by_email.identifier_value
        and by_phone.component = by_email.component
where
    nodes.record_kind = 'login'
    and components.component not in (select component from known_components)
group by nodes.node
having min(by_phone.component) = max(by_phone.component);
