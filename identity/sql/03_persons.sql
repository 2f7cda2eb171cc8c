-- Person records without what is blocked: all of them, and those of a table that has the
-- columns of int_person_records. Python adds the key columns of the blocks.
create or replace temp macro unblocked(persons_table) as table
with blocked as (
    select
        identifier_kind,
        identifier_value
    from identity.blocked_identifiers
)

select
    persons.record_id,
    persons.full_name,
    persons.family_name,
    persons.given_name,
    persons.birth_date,
    persons.sex_code,
    case when national_ids.identifier_value is null then persons.national_id end
        as national_id,
    persons.is_national_id_valid,
    case when phones.identifier_value is null then persons.phone end as phone,
    case when emails.identifier_value is null then persons.email end as email,
    persons.address,
    -- Numbers are compared, and copied for each pair, faster than words.
    list_transform(persons.address_parts, lambda part: hash(part)) as address_parts,
    array_to_string(persons.address_parts, '') as address_in_order,
    persons.address_numbers,
    persons.city_name,
    persons.city_name[1] as city_initial
from query_table(persons_table) as persons
left join blocked as national_ids
    on
        national_ids.identifier_kind = 'national_id'
        and persons.national_id = national_ids.identifier_value
left join blocked as phones
    on
        phones.identifier_kind = 'phone'
        and persons.phone = phones.identifier_value
left join blocked as emails
    on
        emails.identifier_kind = 'email'
        and persons.email = emails.identifier_value;

create or replace temp view unblocked_persons as
select * from unblocked('intermediate.int_person_records');
