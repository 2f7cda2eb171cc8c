-- One row per customer and month from the first in which it is known: what the month's
-- figures alone would make of it, and what the policy makes of it with patience.
--
-- Within, customers and months are numbers, and the policy is joined where it is asked:
-- windows over all months of everyone cost what they carry.
with known as (
    select
        customer_key,
        first_month,
        row_number() over (order by customer_key) as customer_number
    from {{ ref('int_customers_known') }}
),

contributions as (
    select
        known.customer_number,
        contributions.month_start,
        contributions.contribution_amount
    from {{ ref('customer_contribution_monthly') }} as contributions
    inner join known on contributions.customer_key = known.customer_key
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

-- Each month by the policy of its time, so that a new one does not rewrite history.
months as (
    select
        spine.month_start,
        row_number() over (order by spine.month_start) as month_number,
        policy.valid_from as policy_from,
        policy.premium_rank_ratio,
        policy.trailing_months,
        policy.consecutive_misses,
        policy.consecutive_negatives
    from (
        {{ month_spine('(select min(first_month) from known)', as_of()) }}
    ) as spine
    left join policy
        on
            spine.month_start >= policy.valid_from
            and spine.month_start < policy.valid_to
),

-- Months before the first policy are judged by none. Policies have no gaps, so nor have
-- these months.
judged_months as (
    select * from months
    where policy_from is not null
),

customer_months as (
    select
        known.customer_number,
        months.month_start,
        months.month_number,
        coalesce(months.trailing_months, 1) - 1 as earlier_months,
        greatest(first_months.month_number, first_judged.month_number)
            as first_judged_number
    from known
    cross join (
        select min(month_number) as month_number from judged_months
    ) as first_judged
    inner join months on known.first_month <= months.month_start
    inner join months as first_months on known.first_month = first_months.month_start
),

-- Most accounts are never closed: of those a customer has one since the first.
holdings as (
    select
        known.customer_number,
        accounts.opened_date,
        accounts.closed_date
    from account_owners
    inner join known on account_owners.customer_key = known.customer_key
    inner join accounts on account_owners.account_id = accounts.account_id
),

open_holdings as (
    select
        customer_number,
        min(opened_date) as opened_date
    from holdings
    where closed_date is null
    group by customer_number
),

closed_holding_months as (
    select distinct
        holdings.customer_number,
        months.month_start
    from holdings
    inner join months
        on
            holdings.opened_date < {{ add_months('months.month_start', 1) }}
            and holdings.closed_date > months.month_start
),

-- Months before the first policy are trailing months, too, but not judged.
summed as (
    select
        customer_months.customer_number,
        customer_months.month_number,
        customer_months.first_judged_number,
        (
            closed_holding_months.customer_number is not null
            or coalesce(
                open_holdings.opened_date
                < {{ add_months('customer_months.month_start', 1) }}, false
            )
        ) as has_holdings,
        coalesce(contributions.contribution_amount, 0) as contribution_amount,
        cast(
            sum(coalesce(contributions.contribution_amount, 0)) over (
                partition by customer_months.customer_number
                order by customer_months.month_number
                rows between customer_months.earlier_months preceding and current row
            ) as decimal(18, 2)
        ) as trailing_contribution_amount
    from customer_months
    left join contributions
        on
            customer_months.customer_number = contributions.customer_number
            and customer_months.month_start = contributions.month_start
    left join open_holdings
        on customer_months.customer_number = open_holdings.customer_number
    left join closed_holding_months
        on
            customer_months.customer_number = closed_holding_months.customer_number
            and customer_months.month_start = closed_holding_months.month_start
),

ranked as (
    select
        summed.*,
        judged_months.premium_rank_ratio,
        -- Who earns the same has the same rank: a key is no merit.
        rank() over peers as contribution_rank,
        count(*) over (
            peers rows between unbounded preceding and unbounded following
        ) as ranked_count
    from summed
    inner join judged_months on summed.month_number = judged_months.month_number
    window peers as (
        partition by summed.month_number, summed.has_holdings
        order by summed.trailing_contribution_amount desc
    )
),

marked as (
    select
        *,
        (
            has_holdings
            and trailing_contribution_amount > 0
            -- As many as the share of them, rounded up.
            and contribution_rank - 1 < ranked_count * premium_rank_ratio
        ) as is_premium_month,
        (has_holdings and contribution_amount < 0) as is_negative_month
    from ranked
),

streaks as (
    select
        marked.*,
        -- Months since premium was last earned, and months in a row that were negative,
        -- from the first one on of which the customer is judged.
        month_number
        - max(case when is_premium_month then month_number end)
            over months_of_customer as months_since_premium,
        month_number
        - max(
            case
                when is_negative_month then first_judged_number - 1 else month_number
            end
        ) over months_of_customer as negative_months
    from marked
    window months_of_customer as (
        partition by customer_number order by month_number rows unbounded preceding
    )
),

tier_assessments as (
    select
        known.customer_key,
        judged_months.month_start,
        streaks.has_holdings,
        streaks.contribution_amount,
        streaks.trailing_contribution_amount,
        streaks.contribution_rank,
        streaks.ranked_count,
        streaks.is_premium_month,
        streaks.months_since_premium,
        streaks.negative_months,
        judged_months.trailing_months,
        judged_months.consecutive_misses,
        case
            when not streaks.has_holdings then 'potential'
            when streaks.negative_months >= judged_months.consecutive_negatives
                then 'restricted'
            when streaks.months_since_premium < judged_months.consecutive_misses
                then 'premium'
            else 'ordinary'
        end as tier
    from streaks
    inner join known on streaks.customer_number = known.customer_number
    inner join judged_months on streaks.month_number = judged_months.month_number
)

select * from tier_assessments
