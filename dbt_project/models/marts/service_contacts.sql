-- One row per contact that came in: a call or a message.
with messages_and_calls as (
    select * from {{ ref('interactions') }}
    where activity_code in ('call', 'message_in', 'message_out')
),

bridge as (
    select * from {{ source('identity', 'customer_identity') }}
    where customer_key is not null
),

policy as (
    select cast({{ service_term('repeat_days') }} as integer) as repeat_days
),

-- The bank's next message to the same address is the answer.
answered as (
    select
        *,
        min(case when activity_code = 'message_out' then occurred_at end) over (
            partition by record_id
            order by occurred_at, interaction_id
            rows between 1 following and unbounded following
        ) as answered_at
    from messages_and_calls
),

known as (
    select
        answered.*,
        bridge.customer_key,
        bridge.customer_key is not null and answered.category_code is not null
            as is_followed,
        {{ seconds_between('answered.occurred_at', 'answered.answered_at') }}
            as answer_seconds
    from answered
    left join bridge on answered.record_id = bridge.record_id
    where answered.activity_code <> 'message_out'
),

followed as (
    select
        *,
        lead(occurred_at) over (
            partition by customer_key, category_code
            order by occurred_at, interaction_id
        ) as next_contact_at,
        lag(occurred_at) over (
            partition by customer_key, category_code
            order by occurred_at, interaction_id
        ) as contact_before_at
    from known
),

service_contacts as (
    select
        followed.interaction_id,
        followed.channel,
        followed.business_date,
        followed.occurred_at,
        followed.customer_key,
        followed.employee_id,
        followed.activity_code,
        followed.category_code,
        followed.outcome_code,
        case
            when followed.activity_code = 'message_in'
                then followed.answer_seconds
            else followed.wait_seconds
        end as wait_seconds,
        case when followed.duration_seconds > 0 then followed.duration_seconds end
            as duration_seconds,
        followed.satisfaction_score,
        coalesce(followed.outcome_code = 'abandoned', false) as is_abandoned,
        case
            when followed.is_followed
                then coalesce(
                    followed.occurred_at
                    <= followed.contact_before_at + policy.repeat_days * interval 1 day,
                    false
                )
        end as is_repeat,
        -- Judged when the days are over: before, only those that failed are known.
        case
            when
                followed.is_followed
                and coalesce(followed.outcome_code, 'answered') = 'answered'
                and {{ days_between('followed.business_date', as_of()) }}
                >= policy.repeat_days
                then coalesce(
                    followed.next_contact_at
                    > followed.occurred_at + policy.repeat_days * interval 1 day,
                    true
                )
        end as is_resolved_at_first_contact
    from followed
    cross join policy
)

select * from service_contacts
order by business_date, interaction_id
