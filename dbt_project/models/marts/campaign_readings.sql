-- One row per campaign and day of its run: what was known of its uplift that evening.
with audiences as (
    select * from {{ ref('campaign_audiences') }}
    where arm_code <> 'mixed'
),

campaigns as (
    select * from {{ ref('stg_marketing__campaigns') }}
),

policy as (
    select
        {{ campaign_term('least_group_count') }} as least_group_count,
        1 - {{ campaign_term('confidence_ratio') }} as alpha,
        {{ campaign_term('sequential_count') }} as sequential_count
),

-- The mixing number at which the interval is narrowest for so many customers.
terms as (
    select
        least_group_count,
        alpha,
        (-2 * ln(alpha) + ln(-2 * ln(alpha) + 1)) / sequential_count as mixing
    from policy
),

moves as (
    select
        campaign_id,
        contact_date as on_date,
        arm_code,
        1 as customer_count,
        0 as response_count
    from audiences
    union all
    select
        campaign_id,
        response_date as on_date,
        arm_code,
        0 as customer_count,
        1 as response_count
    from audiences
    where is_response
),

day_moves as (
    select
        campaign_id,
        on_date,
        sum(customer_count) filter (where arm_code = 'treated') as treated_count,
        sum(customer_count) filter (where arm_code = 'control') as control_count,
        sum(response_count) filter (where arm_code = 'treated')
            as treated_response_count,
        sum(response_count) filter (where arm_code = 'control')
            as control_response_count
    from moves
    group by campaign_id, on_date
),

spans as (
    select
        day_moves.campaign_id,
        least(min(day_moves.on_date), min(campaigns.start_date)) as first_date,
        least(
            greatest(max(day_moves.on_date), max(campaigns.end_date)), {{ as_of() }}
        ) as last_date
    from day_moves
    left join campaigns on day_moves.campaign_id = campaigns.campaign_id
    group by day_moves.campaign_id
),

days as (
    {{ day_spine(
        '(select min(spans.first_date) from spans)',
        '(select max(spans.last_date) from spans)'
    ) }}
),

{%- set counts = [
    'treated_count', 'control_count', 'treated_response_count', 'control_response_count'
] %}

counted as (
    select
        spans.campaign_id,
        days.on_date as reading_date,
    {%- for count in counts %}
        coalesce(
            sum(day_moves.{{ count }}) over (
                partition by spans.campaign_id order by days.on_date
                rows between unbounded preceding and current row
                ), 0
        ) as {{ count }}
        {{- "," if not loop.last }}
    {%- endfor %}
    from spans
    inner join days
        on spans.first_date <= days.on_date and spans.last_date >= days.on_date
    left join day_moves
        on
            spans.campaign_id = day_moves.campaign_id
            and days.on_date = day_moves.on_date
),

-- Ratios a little drawn to the middle, so that a group without a response yet is not
-- taken for one that never will have any.
spread as (
    select
        counted.*,
        treated_count + control_count as customer_count,
        treated_response_count / nullif(cast(treated_count as double), 0)
        - control_response_count / nullif(cast(control_count as double), 0)
            as uplift_ratio,
        (treated_response_count + 1.0) / (treated_count + 2.0) as treated_ratio,
        (control_response_count + 1.0) / (control_count + 2.0) as control_ratio
    from counted
),

bounded as (
    select
        spread.*,
        terms.alpha,
        treated_count >= terms.least_group_count
        and control_count >= terms.least_group_count as is_enough,
        -- An interval that holds on all evenings together, however often one looks
        -- (asymptotic confidence sequence: Waudby-Smith and others, 2021, formula 10).
        sqrt(
            (
                treated_ratio * (1 - treated_ratio) / nullif(treated_count, 0)
                + control_ratio * (1 - control_ratio) / nullif(control_count, 0)
            )
            * 2 * (customer_count * terms.mixing + 1)
            / nullif(customer_count * terms.mixing, 0)
            * ln(sqrt(customer_count * terms.mixing + 1) / terms.alpha)
        ) as half_width_ratio
    from spread
    cross join terms
),

campaign_readings as (
    select
        campaign_id,
        reading_date,
        cast(treated_count as bigint) as treated_count,
        cast(control_count as bigint) as control_count,
        cast(treated_response_count as bigint) as treated_response_count,
        cast(control_response_count as bigint) as control_response_count,
        uplift_ratio,
        uplift_ratio - half_width_ratio as always_low_ratio,
        uplift_ratio + half_width_ratio as always_high_ratio,
        coalesce(
            max(is_enough and abs(uplift_ratio) > half_width_ratio) over (
                partition by campaign_id order by reading_date
                rows between unbounded preceding and current row
            ), false
        ) as is_decided
    from bounded
)

select * from campaign_readings
order by campaign_id, reading_date
