-- One row per pool, slot and choice: who is asked first, second and third to answer
-- for the customers of a slot. Each slot ranks the people of its pool by a number of
-- its own (rendezvous hashing), so that when one leaves nobody else's customers move.
{%- set slots = 256 %}
{%- set choices = 3 %}
with managers as (
    select * from {{ ref('int_relationship_managers') }}
),

slots as (
    {{ number_spine(slots) }}
),

scored as (
    select
        managers.pool_code,
        slots.number - 1 as slot,
        managers.employee_id,
        managers.is_present,
        md5(cast(slots.number as varchar) || ':' || managers.employee_id) as score
    from managers
    cross join slots
),

ranked as (
    select
        scored.*,
        row_number() over (
            partition by pool_code, slot
            order by score, employee_id
        ) as place,
        row_number() over (
            partition by pool_code, slot, is_present
            order by score, employee_id
        ) as choice_number
    from scored
),

relationship_choices as (
    select
        pool_code,
        slot,
        employee_id,
        is_present,
        choice_number
    from ranked
    where
        (is_present and choice_number <= {{ choices }})
        or (not is_present and place = 1)
)

select * from relationship_choices
