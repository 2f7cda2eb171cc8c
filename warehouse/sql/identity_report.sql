-- One row per figure of identity in the current edition.
with cluster_sizes as (
    select
        customer_key,
        count(*) filter (where record_kind in ('core_customer', 'login')) as persons
    from identity.customer_identity
    where customer_key is not null
    group by customer_key
),

figures as (
    select
        1 as place,
        'customers' as subject,
        case
            when persons = 0 then 'known by contacts alone'
            when persons >= 5 then '5 or more person records'
            else persons || ' person records'
        end as figure,
        count(*) as number
    from cluster_sizes
    group by figure
    union all
    select
        2 as place,
        'records' as subject,
        coalesce(link_rule_code, 'none') as figure,
        count(*) as number
    from identity.customer_identity
    group by figure
    union all
    select
        3 as place,
        'keys tonight' as subject,
        codes.event_code as figure,
        count(events.event_code) as number
    from (
        select unnest(
            ['born', 'merged', 'split', 'revived', 'erased', 'held_back']
        ) as event_code
    ) as codes
    left join identity.key_event as events
        on
            codes.event_code = events.event_code
            and events.business_date = (select as_of_date from ops.build)
    group by codes.event_code
    union all
    select
        4 as place,
        'identifiers blocked' as subject,
        identifier_kind || ': ' || reason_code as figure,
        count(*) as number
    from identity.blocked_identifiers
    group by figure
    union all
    select
        5 as place,
        'blocking keys too common' as subject,
        block_name as figure,
        count(*) as number
    from identity.crowded_blocks
    group by figure
    union all
    select
        6 as place,
        'review queue' as subject,
        reason_code as figure,
        count(*) as number
    from identity.review
    group by figure
    union all
    select
        7 as place,
        'decisions in force' as subject,
        decision_code as figure,
        count(*) as number
    from identity.decisions
    group by figure
    union all
    select
        8 as place,
        'relationships' as subject,
        relationship_code as figure,
        count(*) as number
    from identity.relationships
    group by figure
)

select
    subject,
    figure,
    number as value
from figures
order by place, figure
