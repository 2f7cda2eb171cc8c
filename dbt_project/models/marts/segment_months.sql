-- One row per scheme, segment and month: how those who are in it today came here.
with segments as (
    select * from {{ ref('segments') }}
),

contributions as (
    select * from {{ ref('customer_contribution_monthly') }}
),

segment_months as (
    select
        segments.scheme_code,
        segments.segment_code,
        contributions.month_start,
        count(*) as active_customer_count,
        {{ in_cents('sum(contributions.contribution_amount)') }}
            as contribution_amount,
        {{ in_cents('sum(contributions.cost_to_serve_amount)') }}
            as cost_to_serve_amount,
        '{{ var("currency_code") }}' as currency_code
    from segments
    inner join contributions on segments.customer_key = contributions.customer_key
    group by segments.scheme_code, segments.segment_code, contributions.month_start
)

select * from segment_months
order by scheme_code, segment_code, month_start
