-- One row per record, month, channel, activity and category: what the profile sums up
-- again whenever records change customers, so that no interaction is read for it.
{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        pre_hook="{{ forget_changed_months() }}"
    )
}}

with interactions as (
    select * from {{ ref('interactions') }}
    {% if is_incremental() %}
        where {{ month_start('business_date') }} in ({{ changed_months() }})
    {% endif %}
),

record_months as (
    select
        record_id,
        {{ month_start('business_date') }} as month_start,
        channel,
        activity_code,
        category_code,
        count(*) as interaction_count,
        sum(amount) as total_amount
    from interactions
    group by
        record_id,
        {{ month_start('business_date') }},
        channel,
        activity_code,
        category_code
)

select * from record_months
order by month_start, record_id
