-- One row per month of opening and cause: how many complaints, and how answered.
with complaints as (
    select * from {{ ref('complaints') }}
),

counted as (
    select
        {{ month_start('opened_date') }} as month_start,
        category_code,
        count(*) as opened_count,
        count(distinct customer_key) as customer_count,
        count(*) filter (where is_complex) as complex_count,
        {%- for state in ['answered_in_time', 'answered_late', 'open', 'overdue'] %}
            count(*) filter (where state_code = '{{ state }}') as {{ state }}_count,
        {%- endfor %}
        count(*) filter (where resolution_code in ('compensated', 'corrected'))
            as upheld_count,
        {{ percentile('case when closed_date is not null then taken_days end', 0.5) }}
            as median_answer_days,
        max(case when closed_date is not null then taken_days end)
            as longest_answer_days
    from complaints
    group by {{ month_start('opened_date') }}, category_code
),

complaint_causes as (
    select
        month_start,
        category_code,
        opened_count,
        customer_count,
        complex_count,
        answered_in_time_count,
        answered_late_count,
        open_count,
        overdue_count,
        -- What is still open in time has not been answered late, nor in time.
        answered_in_time_count / nullif(
            cast(opened_count - open_count as double), 0
        ) as in_time_ratio,
        upheld_count,
        cast(median_answer_days as double) as median_answer_days,
        longest_answer_days
    from counted
)

select * from complaint_causes
order by month_start, category_code
