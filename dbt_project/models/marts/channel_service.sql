-- One row per channel and business date with any interaction.
with interactions as (
    select * from {{ ref('interactions') }}
),

unit_costs as (
    select * from {{ ref('unit_costs') }}
),

bridge as (
    select * from {{ source('identity', 'customer_identity') }}
),

channel_service as (
    select
        interactions.channel,
        interactions.business_date,
        count(*) as interaction_count,
        count(*) filter (where interactions.kind_code = 'contact') as contact_count,
        count(*) filter (where interactions.activity_code = 'call')
            as inbound_call_count,
        count(*) filter (
            where
            interactions.activity_code = 'call'
            and interactions.outcome_code = 'abandoned'
        ) as abandoned_call_count,
        count(*) filter (
            where
            interactions.activity_code = 'call'
            and interactions.outcome_code = 'abandoned'
        )
        / nullif(
            cast(count(*) filter (where interactions.activity_code = 'call') as double),
            0
        ) as abandonment_ratio,
        avg(interactions.wait_seconds) as average_wait_seconds,
        avg(interactions.duration_seconds) filter (
            where interactions.duration_seconds > 0
        ) as average_duration_seconds,
        avg(interactions.satisfaction_score) as satisfaction_average,
        count(interactions.satisfaction_score) as satisfaction_answer_count,
        count(*) filter (where interactions.activity_code = 'case_opened')
            as case_opened_count,
        count(*) filter (where interactions.outcome_code like 'declined%')
            as declined_count,
        count(*) filter (where bridge.customer_key is null) as unattributed_count,
        cast(coalesce(sum(unit_costs.unit_cost_amount), 0) as decimal(18, 2))
            as cost_to_serve_amount,
        '{{ var("currency_code") }}' as currency_code
    from interactions
    left join bridge on interactions.record_id = bridge.record_id
    left join unit_costs
        on
            interactions.channel = unit_costs.channel
            and interactions.activity_code = unit_costs.activity_code
            and interactions.business_date >= unit_costs.valid_from
            and interactions.business_date < unit_costs.valid_to
    group by interactions.channel, interactions.business_date
)

select * from channel_service
order by channel, business_date
