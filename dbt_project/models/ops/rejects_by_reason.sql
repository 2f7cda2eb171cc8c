-- One row per feed, business date, column and reason for which rows were rejected.
with rejects as (
    select * from {{ source('ops', 'rejects') }}
),

rejects_by_reason as (
    select
        channel,
        feed,
        business_date,
        column_name,
        reason_code,
        count(*) as rejected_rows,
        min(source_line) as first_line
    from rejects
    group by channel, feed, business_date, column_name, reason_code
)

select * from rejects_by_reason
