-- Who is compared again: changed records, and those that lost or regained a value.
create or replace temp table rescored as
select persons.record_id
from intermediate.int_person_records as persons
semi join changed on persons.record_id = changed.record_id
union
select evidence.record_id
from identity.evidence
semi join flipped_values as flipped
    on
        evidence.identifier_kind = flipped.identifier_kind
        and evidence.identifier_value = flipped.identifier_value
semi join intermediate.int_person_records as persons
    on evidence.record_id = persons.record_id;
