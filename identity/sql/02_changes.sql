-- Which records are new, gone or say something else than last night, and which
-- identifier values that touches. Expects the macro dummy_reason(kind, value).
create or replace temp table changed as
select
    coalesce(tonight.record_id, known.record_id) as record_id,
    tonight.record_kind,
    tonight.fingerprint,
    tonight.record_id is null as is_gone,
    known.record_id is null as is_new
from intermediate.int_records as tonight
full outer join identity.records as known on tonight.record_id = known.record_id
where tonight.fingerprint is distinct from known.fingerprint;

-- Of records that are new nothing was known: where all are, nothing is looked for.
create or replace temp table known_before as
select record_id from changed
where not is_new;

create or replace temp table former_evidence as
select evidence.*
from identity.evidence
semi join known_before on evidence.record_id = known_before.record_id;

create or replace temp table fresh_evidence as
select
    identifiers.record_id,
    identifiers.identifier_kind,
    identifiers.identifier_value,
    coalesce(former.since_date, cast($as_of as date)) as since_date
from intermediate.int_record_identifiers as identifiers
semi join changed on identifiers.record_id = changed.record_id
left join former_evidence as former
    on
        identifiers.record_id = former.record_id
        and identifiers.identifier_kind = former.identifier_kind
        and identifiers.identifier_value = former.identifier_value;

create or replace temp table touched_values as
select identifier_kind, identifier_value from former_evidence
union
select identifier_kind, identifier_value from fresh_evidence;

delete from identity.evidence
where record_id in (select record_id from known_before);

insert into identity.evidence by name select * from fresh_evidence;

-- Dummies by pattern, and values that too many records share, are no evidence.
create or replace temp view blocked_touched as
select
    blocked.identifier_kind,
    blocked.identifier_value
from identity.blocked_identifiers as blocked
semi join touched_values as touched
    on
        blocked.identifier_kind = touched.identifier_kind
        and blocked.identifier_value = touched.identifier_value;

create or replace temp table blocked_before as
from blocked_touched;

delete from identity.blocked_identifiers
where (identifier_kind, identifier_value) in (from blocked_before);

create or replace temp table touched_evidence as
select evidence.*
from identity.evidence
semi join touched_values as touched
    on
        evidence.identifier_kind = touched.identifier_kind
        and evidence.identifier_value = touched.identifier_value;

insert into identity.blocked_identifiers by name
with counted as (
    select
        identifier_kind,
        identifier_value,
        count(*) as record_count
    from touched_evidence
    group by identifier_kind, identifier_value
),

judged as (
    select
        counted.identifier_kind,
        counted.identifier_value,
        counted.record_count,
        coalesce(
            dummy_reason(counted.identifier_kind, counted.identifier_value),
            case
                when counted.record_count > caps.max_records then 'too_many_records'
            end
        ) as reason_code
    from counted
    left join policy.identifier_caps as caps
        on counted.identifier_kind = caps.identifier_kind
)

select * from judged
where reason_code is not null;

create or replace temp table blocked_now as
from blocked_touched;

create or replace temp table flipped_values as
(from blocked_before except from blocked_now)
union all
(from blocked_now except from blocked_before);

drop table former_evidence;

drop table fresh_evidence;
