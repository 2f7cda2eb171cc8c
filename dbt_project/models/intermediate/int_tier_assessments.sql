-- One row per customer and month from the first in which it is known: what the month's
-- figures alone would make of it, and what the policy makes of it with patience.
with known as (
    select * from {{ ref('int_customers_known') }}
),

contributions as (
    select * from {{ ref('customer_contribution_monthly') }}
),

account_owners as (
    select * from {{ ref('int_account_owners') }}
),

accounts as (
    select * from {{ ref('int_accounts') }}
),

policy as (
    select * from {{ ref('tier_policy') }}
),

months as (
    {{ month_spine('(select min(first_month) from known)', as_of()) }}
),

customer_months as (
    select
        known.customer_key,
        months.month_start
    from known
    inner join months on known.first_month <= months.month_start
),

-- Most accounts are never closed: of those a customer has one since the first.
holdings as (
    select
        account_owners.customer_key,
        accounts.opened_date,
        accounts.closed_date
    from account_owners
    inner join accounts on account_owners.account_id = accounts.account_id
),

open_holdings as (
    select
        customer_key,
        min(opened_date) as opened_date
    from holdings
    where closed_date is null
    group by customer_key
),

closed_holding_months as (
    select distinct
        holdings.customer_key,
        months.month_start
    from holdings
    inner join months
        on
            holdings.opened_date < {{ add_months('months.month_start', 1) }}
            and holdings.closed_date > months.month_start
),

running as (
    select
        customer_months.customer_key,
        customer_months.month_start,
        (
            closed_holding_months.customer_key is not null
            or coalesce(
                open_holdings.opened_date
                < {{ add_months('customer_months.month_start', 1) }}, false
            )
        ) as has_holdings,
        coalesce(contributions.contribution_amount, 0) as contribution_amount,
        sum(coalesce(contributions.contribution_amount, 0)) over (
            partition by customer_months.customer_key
            order by customer_months.month_start
        ) as running_amount
    from customer_months
    left join contributions
        on
            customer_months.customer_key = contributions.customer_key
            and customer_months.month_start = contributions.month_start
    left join open_holdings
        on customer_months.customer_key = open_holdings.customer_key
    left join closed_holding_months
        on
            customer_months.customer_key = closed_holding_months.customer_key
            and customer_months.month_start = closed_holding_months.month_start
),

-- Each month by the policy of its time, so that a new one does not rewrite history.
measured as (
    select
        running.customer_key,
        running.month_start,
        running.has_holdings,
        running.contribution_amount,
        cast(
            running.running_amount - coalesce(earlier.running_amount, 0)
            as decimal(18, 2)
        ) as trailing_contribution_amount,
        policy.premium_rank_ratio,
        policy.trailing_months,
        policy.consecutive_misses,
        policy.consecutive_negatives
    from running
    inner join policy
        on
            running.month_start >= policy.valid_from
            and running.month_start < policy.valid_to
    left join running as earlier
        on
            running.customer_key = earlier.customer_key
            and {{ add_months('running.month_start', '-policy.trailing_months') }}
            = earlier.month_start
),

ranked as (
    select
        measured.*,
        -- Who earns the same has the same rank: a key is no merit.
        rank() over (
            partition by measured.month_start, measured.has_holdings
            order by measured.trailing_contribution_amount desc
        ) as contribution_rank,
        count(*) over (
            partition by measured.month_start, measured.has_holdings
        ) as ranked_count
    from measured
),

marked as (
    select
        ranked.*,
        (
            ranked.has_holdings
            and ranked.trailing_contribution_amount > 0
            and ranked.contribution_rank
            <= ceil(ranked.ranked_count * ranked.premium_rank_ratio)
        ) as is_premium_month,
        (
            ranked.has_holdings and ranked.contribution_amount < 0
        ) as is_negative_month
    from ranked
),

streaks as (
    select
        marked.*,
        -- Months since premium was last earned, and months in a row that were negative.
        row_number() over months_of_customer
        - max(case when is_premium_month then month_number end)
            over months_of_customer as months_since_premium,
        month_number
        - coalesce(
            max(case when not is_negative_month then month_number end)
                over months_of_customer, 0
        ) as negative_months
    from (
        select
            marked.*,
            row_number() over (
                partition by marked.customer_key
                order by marked.month_start
            ) as month_number
        from marked
    ) as marked
    window months_of_customer as (
        partition by marked.customer_key
        order by marked.month_start
    )
),

tier_assessments as (
    select
        customer_key,
        month_start,
        has_holdings,
        contribution_amount,
        trailing_contribution_amount,
        contribution_rank,
        ranked_count,
        is_premium_month,
        months_since_premium,
        negative_months,
        trailing_months,
        consecutive_misses,
        case
            when not has_holdings then 'potential'
            when negative_months >= consecutive_negatives then 'restricted'
            when months_since_premium < consecutive_misses then 'premium'
            else 'ordinary'
        end as tier
    from streaks
)

select * from tier_assessments
