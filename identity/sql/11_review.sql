-- What people are asked: pairs whose score is between the thresholds, and those that a
-- score would link but something else forbids. A decision takes a pair off the queue.
create or replace table identity.review as
with paired as (
    select left_record_id as record_id from identity.pairs
    union all
    select right_record_id from identity.pairs
),

bridge as (
    select * from identity.customer_identity
    where record_id in (select record_id from paired)
),

candidates as (
    select
        pairs.left_record_id,
        pairs.right_record_id,
        pairs.match_weight,
        pairs.veto_code,
        pairs.since_date,
        one.customer_key as left_customer_key,
        other.customer_key as right_customer_key,
        one.link_rule_code as left_rule_code,
        other.link_rule_code as right_rule_code
    from identity.pairs
    inner join bridge as one
        on pairs.left_record_id = one.record_id
    inner join bridge as other
        on pairs.right_record_id = other.record_id
    anti join identity.decisions
        on
            pairs.left_record_id = decisions.left_record_id
            and pairs.right_record_id = decisions.right_record_id
    where
        coalesce(pairs.veto_code, '') <> 'national_ids_differ'
        and (
            one.customer_key is distinct from other.customer_key
            or one.customer_key is null
        )
)

select
    left(md5(left_record_id || ' ' || right_record_id), 8) as review_id,
    left_record_id,
    right_record_id,
    match_weight,
    case
        when 'held_back' in (left_rule_code, right_rule_code) then 'cluster_too_large'
        when veto_code is not null then veto_code
        when match_weight < $link_weight then 'between_thresholds'
        when 'attached_to_several' in (left_rule_code, right_rule_code)
            then 'attached_to_several'
        else 'would_join_two_people'
    end as reason_code,
    since_date,
    left_customer_key,
    right_customer_key
from candidates
order by match_weight desc, left_record_id asc, right_record_id asc;
