-- One row per customer and business date with an interaction, by branch and tier of the
-- day: what it brought. The interactions of nobody are a customer without a key.
{%- set flows = placed_flows() + ['evening_count'] %}
{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        pre_hook="{{ forget_restated('placement', 'business_date', changed_from()) }}"
    )
}}

-- depends_on: {{ ref('restated_from') }}
-- depends_on: {{ ref('placement_fingerprints') }}

with record_days as (
    {{ restated_records(
        ref('int_record_days'), 'placement', 'business_date', changed_from()
    ) }}
),

bridge as (
    select * from {{ source('identity', 'customer_identity') }}
),

places as (
    select * from {{ ref('int_customer_places') }}
),

summed as (
    select
        bridge.customer_key,
        record_days.business_date,
    {%- for flow in flows %}
        cast(
            sum(record_days.{{ flow }})
            as {{ 'decimal(18, 4)' if flow.endswith('_amount') else 'bigint' }}
        ) as {{ flow }}
        {{- "," if not loop.last }}
    {%- endfor %}
    from record_days
    left join bridge on record_days.record_id = bridge.record_id
    group by bridge.customer_key, record_days.business_date
),

customer_days as (
    select
        summed.customer_key,
        summed.business_date,
        coalesce(places.branch_id, 'unknown') as branch_id,
        coalesce(places.tier, 'unknown') as tier,
    {%- for flow in flows %}
        summed.{{ flow }}
        {{- "," if not loop.last }}
    {%- endfor %}
    from summed
    left join places
        on
            summed.customer_key = places.customer_key
            and summed.business_date >= places.valid_from
            and summed.business_date < places.valid_to
)

select * from customer_days
order by business_date
