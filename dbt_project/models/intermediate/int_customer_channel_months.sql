-- One row per customer, month and channel with an interaction.
{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        pre_hook="{{ forget_restated('customer') }}"
    )
}}

-- depends_on: {{ ref('restated_from') }}
-- depends_on: {{ ref('customer_fingerprints') }}

with record_months as (
    {{ restated_records(ref('int_record_months'), 'customer') }}
),

activities as (
    select * from {{ ref('activities') }}
),

bridge as (
    select * from {{ source('identity', 'customer_identity') }}
    where customer_key is not null
),

customer_channel_months as (
    select
        bridge.customer_key,
        record_months.month_start,
        record_months.channel,
        cast(sum(record_months.interaction_count) as bigint) as interaction_count,
        -- By what way the customer turns to the bank when it wants to talk.
        cast(
            coalesce(
                sum(record_months.interaction_count) filter (
                    where
                    activities.kind_code = 'contact'
                    and activities.direction_code = 'inbound'
                    and record_months.activity_code
                    not in ('case_opened', 'case_changed')
                ), 0
            ) as bigint
        ) as inbound_contact_count,
        cast(sum(record_months.cost_to_serve_amount) as decimal(18, 4))
            as cost_to_serve_amount
    from record_months
    inner join bridge on record_months.record_id = bridge.record_id
    left join activities on record_months.activity_code = activities.activity_code
    group by bridge.customer_key, record_months.month_start, record_months.channel
)

select * from customer_channel_months
order by month_start
