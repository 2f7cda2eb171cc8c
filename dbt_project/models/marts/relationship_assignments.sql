-- One row per customer: the one manager, and the team, that answer for it.
{%- set rounds = [1, 2, 3] %}
with candidates as (
    select * from {{ ref('int_relationship_candidates') }}
),

choices as (
    select * from {{ ref('int_relationship_choices') }}
    where is_present
),

managers as (
    select * from {{ ref('int_relationship_managers') }}
    where is_present
),

-- Whom the register names keeps its customers, those who came first before the others.
asked_0 as (
    select
        customer_key,
        named_employee_id as employee_id,
        tier,
        limit_count,
        row_number() over (
            partition by named_employee_id, tier
            order by since_date asc nulls last, anchor_record_id asc
        ) as place
    from candidates
    where is_named_here
),

given_0 as (
    select
        customer_key,
        employee_id,
        tier
    from asked_0
    where place <= coalesce(limit_count, place)
),

{% for round in rounds -%}
    {%- set before = round - 1 %}
    -- The others ask their choices in turn, as far as those have room.
    loads_{{ before }} as (
        select
            employee_id,
            tier,
            count(*) as load_count
        from given_{{ before }}
        group by employee_id, tier
    ),

    asked_{{ round }} as (
        select
            candidates.customer_key,
            choices.employee_id,
            candidates.tier,
            candidates.limit_count,
            row_number() over (
                partition by choices.employee_id, candidates.tier
                order by
                    candidates.since_date asc nulls last,
                    candidates.anchor_record_id asc
            ) as place
        from candidates
        inner join choices
            on
                candidates.pool_code = choices.pool_code
                and candidates.slot = choices.slot
                and choices.choice_number = {{ round }}
        left join given_{{ before }} as given
            on candidates.customer_key = given.customer_key
        where given.customer_key is null
    ),

    given_{{ round }} as (
        select
            customer_key,
            employee_id,
            tier
        from given_{{ before }}
        union all
        select
            asked.customer_key,
            asked.employee_id,
            asked.tier
        from asked_{{ round }} as asked
        left join loads_{{ before }} as loads
            on
                asked.employee_id = loads.employee_id
                and asked.tier = loads.tier
        where
            coalesce(
                asked.place + coalesce(loads.load_count, 0) <= asked.limit_count, true
            )
    ),

{% endfor -%}

-- Where there is no room at all, whoever is nearest answers nevertheless.
placed as (
    select
        candidates.*,
        coalesce(
            given.employee_id,
            case when candidates.is_named_here then candidates.named_employee_id end,
            choices.employee_id
        ) as employee_id,
        given.customer_key is null as is_over_limit
    from candidates
    left join given_{{ rounds[-1] }} as given
        on candidates.customer_key = given.customer_key
    left join choices
        on
            candidates.pool_code = choices.pool_code
            and candidates.slot = choices.slot
            and choices.choice_number = 1
),

relationship_assignments as (
    select
        placed.customer_key,
        placed.tier,
        placed.branch_id,
        placed.employee_id,
        coalesce(managers.team_id, managers.department_id) as team_id,
        managers.department_id,
        case
            when placed.employee_id is null then 'nobody'
            when placed.employee_id = placed.named_employee_id then 'named'
            when placed.pool_code = 'central' then 'central'
            else 'branch'
        end as rule_code,
        placed.employee_id is not null and placed.is_over_limit as is_over_limit,
        placed.named_employee_id
    from placed
    left join managers on placed.employee_id = managers.employee_id
)

select * from relationship_assignments
order by customer_key
