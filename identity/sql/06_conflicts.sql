-- Components that are no one person as they stand: two valid national ids, names that
-- differ, a decision that parts them, or more person records than one person has.
-- Expects temp table linked(node, component).
create or replace temp table person_nodes as
select node from scope_persons
union
select node from scope where record_kind = 'core_customer';

create or replace temp table conflicts as
select linked.component
from scope_evidence
inner join linked on scope_evidence.node = linked.node
where scope_evidence.identifier_kind = 'national_id'
group by linked.component
having count(distinct scope_evidence.identifier_value) > 1
union
select one.component
from scope_decisions as decisions
inner join linked as one on decisions.left_node = one.node
inner join linked as other on decisions.right_node = other.node
where decisions.decision_code = 'different' and one.component = other.component
union
select one.component
from parted_pairs as pairs
inner join linked as one on pairs.left_node = one.node
inner join linked as other on pairs.right_node = other.node
where one.component = other.component
union
select linked.component
from linked
inner join person_nodes on linked.node = person_nodes.node
group by linked.component
having count(*) > $max_person_records;

create or replace temp table conflict_nodes as
select
    linked.node,
    linked.component,
    scope.record_id
from linked
semi join conflicts on linked.component = conflicts.component
inner join scope on linked.node = scope.node;
