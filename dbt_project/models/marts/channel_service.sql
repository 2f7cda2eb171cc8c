-- One row per channel and business date with any interaction.
with record_days as (
    select * from {{ ref('int_record_days') }}
),

nobodies as (
    select record_id
    from {{ source('identity', 'customer_identity') }}
    where customer_key is null
),

summed as (
    select
        record_days.channel,
        record_days.business_date,
        sum(record_days.interaction_count) as interaction_count,
        sum(record_days.contact_count) as contact_count,
        sum(record_days.call_count) as inbound_call_count,
        sum(record_days.abandoned_call_count) as abandoned_call_count,
        sum(record_days.wait_seconds) as wait_seconds,
        sum(record_days.waited_count) as waited_count,
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
        channel,
        business_date,
        cast(interaction_count as bigint) as interaction_count,
        cast(contact_count as bigint) as contact_count,
        cast(inbound_call_count as bigint) as inbound_call_count,
        cast(abandoned_call_count as bigint) as abandoned_call_count,
        abandoned_call_count / nullif(cast(inbound_call_count as double), 0)
            as abandonment_ratio,
        wait_seconds / nullif(cast(waited_count as double), 0) as average_wait_seconds,
        duration_seconds / nullif(cast(lasted_count as double), 0)
            as average_duration_seconds,
        satisfaction_score / nullif(cast(satisfaction_answer_count as double), 0)
            as satisfaction_average,
        cast(satisfaction_answer_count as bigint) as satisfaction_answer_count,
        cast(case_opened_count as bigint) as case_opened_count,
        cast(declined_count as bigint) as declined_count,
        cast(unattributed_count as bigint) as unattributed_count,
        {{ in_cents('cost_to_serve_amount') }} as cost_to_serve_amount,
        '{{ var("currency_code") }}' as currency_code
    from summed
)

select * from channel_service
order by channel, business_date
