-- One row per month, branch, tier and channel with an interaction of its customers.
with record_days as (
    select * from {{ ref('int_record_days') }}
),

bridge as (
    select * from {{ source('identity', 'customer_identity') }}
    where customer_key is not null
),

places as (
    select * from {{ ref('int_customer_places') }}
),

customer_months as (
    select
        bridge.customer_key,
        {{ month_start('record_days.business_date') }} as month_start,
        record_days.channel,
        sum(record_days.interaction_count) as interaction_count,
        sum(record_days.cost_to_serve_amount) as cost_to_serve_amount
    from record_days
    inner join bridge on record_days.record_id = bridge.record_id
    group by
        bridge.customer_key,
        {{ month_start('record_days.business_date') }},
        record_days.channel
),

summed as (
    select
        customer_months.month_start,
        places.branch_id,
        places.tier,
        customer_months.channel,
        cast(sum(customer_months.interaction_count) as bigint) as interaction_count,
        {{ in_cents('sum(customer_months.cost_to_serve_amount)') }}
            as cost_to_serve_amount
    from customer_months
    inner join places
        on
            customer_months.customer_key = places.customer_key
            and least(
                cast(
                    {{ add_months('customer_months.month_start', 1) }}
                    - interval 1 day as date
                ), {{ as_of() }}
            ) >= places.valid_from
            and least(
                cast(
                    {{ add_months('customer_months.month_start', 1) }}
                    - interval 1 day as date
                ), {{ as_of() }}
            ) < places.valid_to
    group by
        customer_months.month_start,
        places.branch_id,
        places.tier,
        customer_months.channel
),

shared as (
    select
        summed.*,
        cast(
            summed.interaction_count
            / cast(
                sum(summed.interaction_count) over (
                    partition by summed.month_start, summed.branch_id, summed.tier
                ) as double
            ) as double
        ) as interaction_share_ratio
    from summed
),

channel_mix as (
    select
        shared.month_start,
        shared.branch_id,
        shared.tier,
        shared.channel,
        shared.interaction_count,
        shared.interaction_share_ratio,
        shared.cost_to_serve_amount,
        earlier.interaction_share_ratio as year_before_interaction_share_ratio,
        '{{ var("currency_code") }}' as currency_code
    from shared
    left join shared as earlier
        on
            {{ add_months('shared.month_start', -12) }} = earlier.month_start
            and shared.branch_id = earlier.branch_id
            and shared.tier = earlier.tier
            and shared.channel = earlier.channel
)

select * from channel_mix
order by month_start, branch_id, tier, channel
