-- One row per business date, branch and tier on which a customer there did something,
-- or what stands there moved: sums of both, so that no customer is read again for them.
{%- set flows = placed_flows() %}
{%- set stocks = placed_stocks() %}
{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        pre_hook="{{ forget_from('business_date', restated_earliest('placement')) }}"
    )
}}

-- depends_on: {{ ref('restated_from') }}
-- depends_on: {{ ref('placement_fingerprints') }}

with customer_days as (
    select * from {{ ref('int_customer_days') }}
    {% if is_incremental() %}
        where business_date >= {{ restated_earliest('placement') }}
    {% endif %}
),

movements as (
    select * from {{ ref('int_customer_movements') }}
    {% if is_incremental() %}
        where business_date >= {{ restated_earliest('placement') }}
    {% endif %}
),

daily_flows as (
    select
        business_date,
        branch_id,
        tier,
        count(customer_key) as active_customer_count,
    {%- for flow in flows %}
        sum({{ flow }}) as {{ flow }}
        {{- "," if not loop.last }}
    {%- endfor %}
    from customer_days
    group by business_date, branch_id, tier
),

daily_movements as (
    select
        business_date,
        branch_id,
        tier,
    {%- for stock in stocks %}
        sum({{ stock }}) as {{ stock }}
        {{- "," if not loop.last }}
    {%- endfor %}
    from movements
    group by business_date, branch_id, tier
),

branch_days as (
    select
        coalesce(daily_flows.business_date, daily_movements.business_date)
            as business_date,
        coalesce(daily_flows.branch_id, daily_movements.branch_id) as branch_id,
        coalesce(daily_flows.tier, daily_movements.tier) as tier,
        coalesce(daily_flows.active_customer_count, 0) as active_customer_count,
        {%- for flow in flows %}
            coalesce(daily_flows.{{ flow }}, 0) as {{ flow }},
        {%- endfor %}
    {%- for stock in stocks %}
        coalesce(daily_movements.{{ stock }}, 0) as {{ stock }}
        {{- "," if not loop.last }}
    {%- endfor %}
    from daily_flows
    full join daily_movements
        on
            daily_flows.business_date = daily_movements.business_date
            and daily_flows.branch_id = daily_movements.branch_id
            and daily_flows.tier = daily_movements.tier
)

select * from branch_days
order by business_date
