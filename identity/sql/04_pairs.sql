-- Pairs of the records that were compared again take the place of their former ones.
-- Expects temp table scored(left_record_id, right_record_id, match_weight, veto_code).
create or replace temp table recompared as
select record_id from rescored
union
select record_id from changed;

create or replace temp table former_pairs as
select pairs.*
from identity.pairs
where
    left_record_id in (select record_id from recompared)
    or right_record_id in (select record_id from recompared);

delete from identity.pairs
where (left_record_id, right_record_id) in (
    select (left_record_id, right_record_id) from former_pairs
);

insert into identity.pairs by name
select
    scored.left_record_id,
    scored.right_record_id,
    scored.match_weight,
    scored.veto_code,
    coalesce(former.since_date, cast($as_of as date)) as since_date
from scored
left join former_pairs as former
    on
        scored.left_record_id = former.left_record_id
        and scored.right_record_id = former.right_record_id;
