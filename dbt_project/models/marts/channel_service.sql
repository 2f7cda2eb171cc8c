-- One row per channel and business date with any interaction.
{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        on_schema_change='fail',
        pre_hook="{{ forget_from('business_date', contacts_earliest()) }}"
    )
}}

-- depends_on: {{ ref('restated_from') }}
-- depends_on: {{ ref('customer_fingerprints') }}

with record_days as (
    select * from {{ ref('int_record_days') }}
    {% if is_incremental() %}
        where business_date >= {{ contacts_earliest() }}
    {% endif %}
),

nobodies as (
    select record_id
    from {{ source('identity', 'customer_identity') }}
    where customer_key is null
),

service_contacts as (
    select * from {{ ref('service_contacts') }}
    {% if is_incremental() %}
        where business_date >= {{ contacts_earliest() }}
    {% endif %}
),

-- Of times the middle and the tail: a mean says nothing of those who waited long.
contact_days as (
    select
        channel,
        business_date,
        avg(wait_seconds) as average_wait_seconds,
        {{ percentile('wait_seconds', 0.5) }} as median_wait_seconds,
        {{ percentile('wait_seconds', 0.9) }} as p90_wait_seconds,
        max(wait_seconds) as longest_wait_seconds,
        {{ percentile('duration_seconds', 0.5) }} as median_handling_seconds,
        {{ percentile('duration_seconds', 0.9) }} as p90_handling_seconds,
        count(*) filter (
            where
            activity_code = 'call'
            and not is_abandoned
            and wait_seconds <= {{ service_term('service_level_seconds') }}
        ) as answered_soon_count,
        count(*) filter (where activity_code = 'message_in' and wait_seconds is null)
            as unanswered_message_count,
        count(*) filter (where is_repeat) as repeat_contact_count,
        count(is_resolved_at_first_contact) as followed_contact_count,
        count(*) filter (where is_resolved_at_first_contact) as resolved_contact_count
    from service_contacts
    group by channel, business_date
),

summed as (
    select
        record_days.channel,
        record_days.business_date,
        sum(record_days.interaction_count) as interaction_count,
        sum(record_days.contact_count) as contact_count,
        sum(record_days.call_count) as inbound_call_count,
        sum(record_days.abandoned_call_count) as abandoned_call_count,
        sum(record_days.duration_seconds) as duration_seconds,
        sum(record_days.lasted_count) as lasted_count,
        sum(record_days.satisfaction_score) as satisfaction_score,
        sum(record_days.satisfaction_answer_count) as satisfaction_answer_count,
        sum(record_days.case_opened_count) as case_opened_count,
        sum(record_days.declined_count) as declined_count,
        coalesce(
            sum(record_days.interaction_count) filter (
                where nobodies.record_id is not null
            ), 0
        ) as unattributed_count,
        sum(record_days.cost_to_serve_amount) as cost_to_serve_amount
    from record_days
    left join nobodies on record_days.record_id = nobodies.record_id
    group by record_days.channel, record_days.business_date
),

channel_service as (
    select
        summed.channel,
        summed.business_date,
        cast(summed.interaction_count as bigint) as interaction_count,
        cast(summed.contact_count as bigint) as contact_count,
        cast(summed.inbound_call_count as bigint) as inbound_call_count,
        cast(summed.abandoned_call_count as bigint) as abandoned_call_count,
        summed.abandoned_call_count
        / nullif(cast(summed.inbound_call_count as double), 0) as abandonment_ratio,
        cast(coalesce(contact_days.answered_soon_count, 0) as bigint)
            as answered_soon_count,
        contact_days.answered_soon_count
        / nullif(cast(summed.inbound_call_count as double), 0) as service_level_ratio,
        cast(contact_days.average_wait_seconds as double) as average_wait_seconds,
        cast(contact_days.median_wait_seconds as double) as median_wait_seconds,
        cast(contact_days.p90_wait_seconds as double) as p90_wait_seconds,
        cast(contact_days.longest_wait_seconds as bigint) as longest_wait_seconds,
        summed.duration_seconds / nullif(cast(summed.lasted_count as double), 0)
            as average_duration_seconds,
        cast(contact_days.median_handling_seconds as double) as median_handling_seconds,
        cast(contact_days.p90_handling_seconds as double) as p90_handling_seconds,
        cast(coalesce(contact_days.unanswered_message_count, 0) as bigint)
            as unanswered_message_count,
        cast(coalesce(contact_days.repeat_contact_count, 0) as bigint)
            as repeat_contact_count,
        cast(coalesce(contact_days.followed_contact_count, 0) as bigint)
            as followed_contact_count,
        cast(coalesce(contact_days.resolved_contact_count, 0) as bigint)
            as resolved_contact_count,
        contact_days.resolved_contact_count
        / nullif(cast(contact_days.followed_contact_count as double), 0)
            as first_contact_resolution_ratio,
        summed.satisfaction_score
        / nullif(cast(summed.satisfaction_answer_count as double), 0)
            as satisfaction_average,
        cast(summed.satisfaction_answer_count as bigint) as satisfaction_answer_count,
        cast(summed.case_opened_count as bigint) as case_opened_count,
        cast(summed.declined_count as bigint) as declined_count,
        cast(summed.unattributed_count as bigint) as unattributed_count,
        {{ in_cents('summed.cost_to_serve_amount') }} as cost_to_serve_amount,
        '{{ var("currency_code") }}' as currency_code
    from summed
    left join contact_days
        on
            summed.channel = contact_days.channel
            and summed.business_date = contact_days.business_date
)

select * from channel_service
order by channel, business_date
