-- One row per customer with any interaction: how it spends and how it meets the bank.
with record_months as (
    select * from {{ ref('int_record_months') }}
),

recent_days as (
    select * from {{ ref('int_customer_days') }}
    where
        business_date > cast({{ as_of() }} - interval 120 day as date)
        and customer_key is not null
),

-- The bank's own history may be shorter than the baseline.
bounds as (
    select
        least(
            {{ days_between('min(business_date)', as_of()) }} - 29, 90
        ) as baseline_days
    from {{ ref('int_customer_days') }}
),

customer_months as (
    select * from {{ ref('int_customer_months') }}
),

channel_months as (
    select * from {{ ref('int_customer_channel_months') }}
),

bridge as (
    select * from {{ source('identity', 'customer_identity') }}
    where customer_key is not null
),

totals as (
    select
        customer_key,
        cast(sum(interaction_count) as bigint) as interaction_count,
        cast(sum(transaction_count) as bigint) as transaction_count,
        {{ in_cents('sum(debit_amount)') }} as debit_amount,
        {{ in_cents('sum(credit_amount)') }} as credit_amount,
        cast(sum(card_purchase_count) as bigint) as card_purchase_count,
        {{ in_cents('sum(card_purchase_amount)') }} as card_purchase_amount,
        cast(sum(cash_withdrawal_count) as bigint) as cash_withdrawal_count,
        cast(sum(online_interaction_count) as bigint) as online_interaction_count
    from customer_months
    group by customer_key
),

channels as (
    select
        customer_key,
        channel,
        sum(interaction_count) as interaction_count,
        sum(inbound_contact_count) as inbound_contact_count
    from channel_months
    group by customer_key, channel
),

channel_ranks as (
    select
        customer_key,
        channel
    from channels
    qualify
        row_number() over (
            partition by customer_key
            order by interaction_count desc, channel asc
        ) = 1
),

contact_ranks as (
    select
        customer_key,
        channel
    from channels
    where inbound_contact_count > 0
    qualify
        row_number() over (
            partition by customer_key
            order by inbound_contact_count desc, channel asc
        ) = 1
),

category_ranks as (
    select
        bridge.customer_key,
        record_months.category_code
    from record_months
    inner join bridge on record_months.record_id = bridge.record_id
    where
        record_months.activity_code = 'card_purchase'
        and record_months.category_code is not null
    group by bridge.customer_key, record_months.category_code
    qualify
        row_number() over (
            partition by bridge.customer_key
            order by
                sum(record_months.total_amount) desc, record_months.category_code
        ) = 1
),

recent as (
    select
        customer_key,
        max(business_date) as last_interaction_date,
        {{ number_of(
            'interaction_count', 'business_date > ' ~ as_of() ~ ' - interval 30 day'
        ) }} as last_30_days_count,
        {{ number_of(
            'interaction_count', 'business_date <= ' ~ as_of() ~ ' - interval 30 day'
        ) }} as baseline_count,
        sum(evening_count) / cast(sum(interaction_count) as double) as evening_ratio
    from recent_days
    group by customer_key
),

-- Had nothing changed, each interaction of both times would lie in the recent one by
-- its share of the days: a count of a binomial distribution.
changes as (
    select
        recent.customer_key,
        recent.last_30_days_count * bounds.baseline_days
        - recent.baseline_count * 30 as excess,
        (recent.last_30_days_count + recent.baseline_count)
        * 30.0 * bounds.baseline_days as variance,
        recent.baseline_count * 30.0 / bounds.baseline_days as baseline_30_days_count
    from recent
    cross join bounds
    where bounds.baseline_days >= 30
),

customer_activity as (
    select
        totals.*,
        channel_ranks.channel as preferred_channel,
        contact_ranks.channel as preferred_contact_channel,
        category_ranks.category_code as top_category_code,
        recent.last_interaction_date,
        coalesce(recent.last_30_days_count, 0) as last_30_days_count,
        coalesce(changes.baseline_30_days_count, 0) as baseline_30_days_count,
        changes.excess / nullif(sqrt(changes.variance), 0) as activity_change_z,
        recent.evening_ratio
    from totals
    left join channel_ranks on totals.customer_key = channel_ranks.customer_key
    left join contact_ranks on totals.customer_key = contact_ranks.customer_key
    left join category_ranks on totals.customer_key = category_ranks.customer_key
    left join recent on totals.customer_key = recent.customer_key
    left join changes on totals.customer_key = changes.customer_key
)

select * from customer_activity
