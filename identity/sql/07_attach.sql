-- Records of contacts alone join the one customer that all their scored pairs lead to.
-- Leading to two, they are neither's: they would make the two one.
-- Expects temp table linked(node, component), the held ones with a null component.
create or replace temp table known_components as
select distinct linked.component
from linked
inner join scope on linked.node = scope.node
left join scope_persons as persons on linked.node = persons.node
where
    linked.component is not null
    and (scope.record_kind = 'core_customer' or persons.is_described);

create or replace temp table component_pairs as
with attaching as (
    select left_node, right_node from scope_pairs where not is_link
    union all
    select right_node, left_node from scope_pairs where not is_link
),

parted as (
    select left_node, right_node from scope_decisions
    where decision_code = 'different'
    union all
    select right_node, left_node from scope_decisions
    where decision_code = 'different'
)

select distinct
    guest.component as guest_component,
    target.component as target_component
from attaching
inner join linked as guest on attaching.left_node = guest.node
inner join linked as target on attaching.right_node = target.node
anti join parted
    on
        attaching.left_node = parted.left_node
        and attaching.right_node = parted.right_node
anti join known_components as known on guest.component = known.component
where guest.component <> target.component;

create or replace temp table guest_targets as
select
    pairs.guest_component,
    min(pairs.target_component) as target_component,
    count(*) as target_count
from component_pairs as pairs
semi join known_components as known on pairs.target_component = known.component
group by pairs.guest_component;

-- Those that lead to no customer may still be one another.
create or replace temp table stranger_edges as
select
    guest_component as left_node,
    target_component as right_node
from component_pairs as pairs
anti join guest_targets as found on pairs.guest_component = found.guest_component
anti join guest_targets as other on pairs.target_component = other.guest_component
anti join known_components as known on pairs.target_component = known.component;
