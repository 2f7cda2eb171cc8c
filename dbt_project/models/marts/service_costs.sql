-- One row per month, channel and tier with an interaction: what serving it cost.
with channel_months as (
    select * from {{ ref('int_customer_channel_months') }}
),

record_months as (
    select * from {{ ref('int_record_months') }}
),

nobodies as (
    select record_id
    from {{ source('identity', 'customer_identity') }}
    where customer_key is null
),

places as (
    select * from {{ ref('int_customer_places') }}
),

-- By the tier with which the customer went into the month.
served as (
    select
        channel_months.month_start,
        channel_months.channel,
        coalesce(places.tier, 'unknown') as tier,
        count(*) as customer_count,
        sum(channel_months.interaction_count) as interaction_count,
        sum(channel_months.cost_to_serve_amount) as cost_to_serve_amount
    from channel_months
    left join places
        on
            channel_months.customer_key = places.customer_key
            and channel_months.month_start >= places.valid_from
            and channel_months.month_start < places.valid_to
    group by
        channel_months.month_start,
        channel_months.channel,
        coalesce(places.tier, 'unknown')
    union all
    select
        record_months.month_start,
        record_months.channel,
        'nobody' as tier,
        0 as customer_count,
        sum(record_months.interaction_count) as interaction_count,
        sum(record_months.cost_to_serve_amount) as cost_to_serve_amount
    from record_months
    inner join nobodies on record_months.record_id = nobodies.record_id
    group by record_months.month_start, record_months.channel
),

service_costs as (
    select
        month_start,
        channel,
        tier,
        cast(customer_count as bigint) as customer_count,
        cast(interaction_count as bigint) as interaction_count,
        {{ in_cents('cost_to_serve_amount') }} as cost_to_serve_amount,
        cast(cost_to_serve_amount as double) / nullif(customer_count, 0)
            as customer_cost_amount,
        '{{ var("currency_code") }}' as currency_code
    from served
)

select * from service_costs
order by month_start, channel, tier
