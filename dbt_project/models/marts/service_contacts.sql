-- One row per contact that came in: a call or a message.
{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        on_schema_change='fail',
        pre_hook="{{ forget_contacts() }}"
    )
}}

-- depends_on: {{ ref('restated_from') }}
-- depends_on: {{ ref('customer_fingerprints') }}

with calls_and_messages as (
    {{ restated_calls_and_messages() }}
),

bridge as (
    select * from {{ source('identity', 'customer_identity') }}
    where customer_key is not null
),

policy as (
    select
        cast({{ service_term('repeat_days') }} as integer) as repeat_days,
        cast({{ service_term('reply_days') }} as integer) as reply_days
),

-- The Date of a mail is what its sender says. Where the bank got it on another day, it
-- came on that.
timed as (
    select
        *,
        case
            when
                {{ local_date('occurred_at') }} between business_date - interval 1 day
                and business_date + interval 1 day
                then occurred_at
            else cast(business_date as timestamp)
        end as came_at
    from calls_and_messages
),

-- The bank's next message to the same address is the answer, if it comes in time.
written_back as (
    select
        *,
        min(case when activity_code = 'message_out' then came_at end) over (
            partition by record_id
            order by came_at, interaction_id
            rows between 1 following and unbounded following
        ) as written_at
    from timed
),

answered as (
    select
        written_back.*,
        case
            when
                written_back.written_at
                <= written_back.came_at + policy.reply_days * interval 1 day
                then written_back.written_at
        end as answered_at
    from written_back
    cross join policy
),

known as (
    select
        answered.*,
        bridge.customer_key,
        bridge.customer_key is not null and answered.category_code is not null
            as is_followed,
        {{ seconds_between('answered.came_at', 'answered.answered_at') }}
            as answer_seconds
    from answered
    left join bridge on answered.record_id = bridge.record_id
    where answered.activity_code <> 'message_out'
),

followed as (
    select
        *,
        lead(came_at) over (
            partition by customer_key, category_code
            order by came_at, interaction_id
        ) as next_contact_at,
        lag(came_at) over (
            partition by customer_key, category_code
            order by came_at, interaction_id
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
                    followed.came_at
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
                    > followed.came_at + policy.repeat_days * interval 1 day,
                    true
                )
        end as is_resolved_at_first_contact
    from followed
    cross join policy
)

select * from service_contacts
where {{ is_contact_restated() }}
order by business_date, interaction_id
