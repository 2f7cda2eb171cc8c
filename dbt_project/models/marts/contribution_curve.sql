-- One row per month and percent of customers with holdings, the most profitable first.
with assessments as (
    select * from {{ ref('int_tier_assessments') }}
    where has_holdings
),

percents as (
    {{ number_spine(100) }}
),

-- Customers of one contribution stand in any order, which is the same for both windows:
-- what they add up to is the same.
ranked as (
    select
        month_start,
        row_number() over most_profitable_first as place_number,
        sum(trailing_contribution_amount) over most_profitable_first
            as cumulative_amount
    from assessments
    window most_profitable_first as (
        partition by month_start
        order by contribution_rank
        rows between unbounded preceding and current row
    )
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

contribution_curve as (
    select
        marks.month_start,
        cast(marks.customer_percent as integer) as customer_percent,
        marks.top_customer_count,
        cast(marks.customer_count as bigint) as customer_count,
        {{ in_cents('ranked.cumulative_amount') }}
            as cumulative_contribution_amount,
        {{ in_cents('marks.total_amount') }} as total_contribution_amount,
        case
            when marks.total_amount > 0
                then cast(ranked.cumulative_amount as double) / marks.total_amount
        end as cumulative_share_ratio,
        '{{ var("currency_code") }}' as currency_code
    from marks
    inner join ranked
        on
            marks.month_start = ranked.month_start
            and marks.top_customer_count = ranked.place_number
)

select * from contribution_curve
order by month_start, customer_percent
