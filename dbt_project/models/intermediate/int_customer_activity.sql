-- One row per customer with any interaction: how it spends and how it meets the bank.
with record_months as (
    select * from {{ ref('int_record_months') }}
),

interactions as (
    select * from {{ ref('interactions') }}
    where business_date > {{ as_of() }} - interval 120 day
),

-- The bank's own history may be shorter than the baseline.
bounds as (
    select
        least(
            {{ days_between('min(business_date)', as_of()) }} - 29, 90
        ) as baseline_days
    from {{ ref('interactions') }}
),

activities as (
    select * from {{ ref('activities') }}
),

bridge as (
    select * from {{ source('identity', 'customer_identity') }}
    where customer_key is not null
),

monthly as (
    select
        bridge.customer_key,
        record_months.channel,
        record_months.activity_code,
        record_months.category_code,
        activities.kind_code,
        activities.direction_code,
        record_months.interaction_count,
        record_months.total_amount
    from record_months
    inner join bridge on record_months.record_id = bridge.record_id
    left join activities on record_months.activity_code = activities.activity_code
),

totals as (
    select
        customer_key,
        sum(interaction_count) as interaction_count,
        coalesce(
            sum(interaction_count) filter (where kind_code = 'transaction'), 0
        ) as transaction_count,
        coalesce(sum(total_amount) filter (where direction_code = 'debit'), 0)
            as debit_amount,
        coalesce(sum(total_amount) filter (where direction_code = 'credit'), 0)
            as credit_amount,
        coalesce(
            sum(interaction_count) filter (where activity_code = 'card_purchase'), 0
        ) as card_purchase_count,
        coalesce(
            sum(total_amount) filter (where activity_code = 'card_purchase'), 0
        ) as card_purchase_amount,
        coalesce(
            sum(interaction_count) filter (
                where activity_code in ('card_withdrawal', 'cash_withdrawal')
            ), 0
        ) as cash_withdrawal_count,
        coalesce(sum(interaction_count) filter (where channel = 'online_banking'), 0)
            as online_interaction_count
    from monthly
    group by customer_key
),

channel_ranks as (
    select
        customer_key,
        channel
    from monthly
    group by customer_key, channel
    qualify
        row_number() over (
            partition by customer_key
            order by sum(interaction_count) desc, channel
        ) = 1
),

category_ranks as (
    select
        customer_key,
        category_code
    from monthly
    where activity_code = 'card_purchase' and category_code is not null
    group by customer_key, category_code
    qualify
        row_number() over (
            partition by customer_key
            order by sum(total_amount) desc, category_code
        ) = 1
),

recent as (
    select
        bridge.customer_key,
        max(interactions.business_date) as last_interaction_date,
        count(*) filter (
            where interactions.business_date > {{ as_of() }} - interval 30 day
        ) as last_30_days_count,
        count(*) filter (
            where interactions.business_date <= {{ as_of() }} - interval 30 day
        ) as baseline_count,
        avg(
            case
                when {{ local_hour('interactions.occurred_at') }} between 18 and 23
                    then 1.0
                else 0.0
            end
        ) as evening_ratio
    from interactions
    inner join bridge on interactions.record_id = bridge.record_id
    group by bridge.customer_key
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
        category_ranks.category_code as top_category_code,
        recent.last_interaction_date,
        coalesce(recent.last_30_days_count, 0) as last_30_days_count,
        coalesce(changes.baseline_30_days_count, 0) as baseline_30_days_count,
        changes.excess / nullif(sqrt(changes.variance), 0) as activity_change_z,
        recent.evening_ratio
    from totals
    left join channel_ranks on totals.customer_key = channel_ranks.customer_key
    left join category_ranks on totals.customer_key = category_ranks.customer_key
    left join recent on totals.customer_key = recent.customer_key
    left join changes on totals.customer_key = changes.customer_key
)

select * from customer_activity
