-- One row per call to the call centre.
with interactions as (
    select * from {{ ref('interactions') }}
    where activity_code = 'call'
),

bridge as (
    select * from {{ source('identity', 'customer_identity') }}
    where customer_key is not null
),

followed as (
    select
        interactions.*,
        bridge.customer_key,
        lead(interactions.occurred_at) over (
            partition by bridge.customer_key, interactions.category_code
            order by interactions.occurred_at, interactions.interaction_id
        ) as next_call_at
    from interactions
    left join bridge on interactions.record_id = bridge.record_id
),

service_calls as (
    select
        interaction_id,
        business_date,
        occurred_at,
        customer_key,
        employee_id,
        category_code,
        outcome_code,
        wait_seconds,
        duration_seconds,
        satisfaction_score,
        outcome_code = 'abandoned' as is_abandoned,
        case
            when outcome_code = 'answered' and customer_key is not null
                then coalesce(next_call_at > occurred_at + interval 7 day, true)
        end as is_resolved_at_first_contact
    from followed
)

select * from service_calls
order by business_date, interaction_id
