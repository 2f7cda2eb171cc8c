-- One row per month and percent of customers with holdings, the most profitable first.
with assessments as (
    select * from {{ ref('int_tier_assessments') }}
    where has_holdings
),

percents as (
    {{ number_spine(100) }}
),

totals as (
    select
        month_start,
        count(*) as customer_count,
        sum(trailing_contribution_amount) as total_amount
    from assessments
    group by month_start
),

-- The top 20 % of 7 customers are 2: nobody is cut in two.
marks as (
    select
        totals.month_start,
        totals.customer_count,
        totals.total_amount,
        percents.number as customer_percent,
        cast(
            ceil(totals.customer_count * percents.number / 100.0) as bigint
        ) as top_customer_count
    from totals
    cross join percents
),

-- By the first percent within which a customer's rank lies.
percents_of_customers as (
    select
        assessments.month_start,
        assessments.trailing_contribution_amount,
        1 + floor(
            100.0 * (assessments.contribution_rank - 1) / totals.customer_count
        ) as customer_percent
    from assessments
    inner join totals on assessments.month_start = totals.month_start
),

percent_sums as (
    select
        month_start,
        customer_percent,
        count(*) as customer_count,
        sum(trailing_contribution_amount) as amount,
        min(trailing_contribution_amount) as least_amount
    from percents_of_customers
    group by month_start, customer_percent
),

running as (
    select
        marks.*,
        sum(percent_sums.customer_count) over up_to_percent as ranked_count,
        sum(percent_sums.amount) over up_to_percent as ranked_amount,
        min(percent_sums.least_amount) over up_to_percent as least_amount
    from marks
    left join percent_sums
        on
            marks.month_start = percent_sums.month_start
            and marks.customer_percent = percent_sums.customer_percent
    window up_to_percent as (
        partition by marks.month_start
        order by marks.customer_percent
    )
),

-- Customers of one rank may be more than a percent still counts: those left over
-- contributed what the last one did, and are taken away.
ranked as (
    select
        *,
        ranked_amount - (ranked_count - top_customer_count) * least_amount
            as cumulative_amount
    from running
),

contribution_curve as (
    select
        month_start,
        cast(customer_percent as integer) as customer_percent,
        top_customer_count,
        cast(customer_count as bigint) as customer_count,
        {{ in_cents('cumulative_amount') }}
            as cumulative_contribution_amount,
        {{ in_cents('total_amount') }} as total_contribution_amount,
        case
            when total_amount > 0
                then cast(cumulative_amount as double) / total_amount
        end as cumulative_share_ratio,
        '{{ var("currency_code") }}' as currency_code
    from ranked
)

select * from contribution_curve
order by month_start, customer_percent
