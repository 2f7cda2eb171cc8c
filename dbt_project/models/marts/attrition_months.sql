-- One row per customer and whole month that had deposits to lose so many months before.
{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        on_schema_change='fail',
        pre_hook="{{ forget_restated('customer') }}"
    )
}}

-- depends_on: {{ ref('restated_from') }}
-- depends_on: {{ ref('customer_fingerprints') }}

with terms as (
    select
        cast({{ signal_term('attrition_months') }} as integer) as month_count,
        {{ signal_term('attrition_least_balance') }} as least_balance,
        {{ signal_term('attrition_drop_ratio') }} as least_drop_ratio,
        {{ signal_term('attrition_active_drop_ratio') }} as least_active_drop_ratio
),

profile_history as (
    {{ restated_rows(
        ref('profile_history'),
        'customer',
        months_earlier='2 * (select month_count from terms)'
    ) }}
),

-- Counts of all months so far: those of a span are the difference of two.
followed as (
    select
        customer_key,
        month_start,
        as_of_date,
        deposit_balance_amount,
        cast(
            sum(interaction_count) over (
                partition by customer_key
                order by month_start
            ) as bigint
        ) as interaction_count
    from profile_history
),

-- Each with the month that it is held against, so that months are joined as they are.
earlier as (
    select
        followed.*,
        {{ add_months('followed.month_start', 'terms.month_count') }} as later_month,
        terms.least_drop_ratio,
        terms.least_active_drop_ratio
    from followed
    cross join terms
    where cast(followed.deposit_balance_amount as double) >= terms.least_balance
),

before as (
    select
        followed.customer_key,
        followed.interaction_count,
        {{ add_months('followed.month_start', 'terms.month_count') }} as earlier_month
    from followed
    cross join terms
),

spans as (
    select
        later.customer_key,
        later.month_start,
        later.as_of_date,
        earlier.as_of_date as earlier_date,
        earlier.deposit_balance_amount as earlier_deposit_balance_amount,
        later.deposit_balance_amount,
        later.interaction_count - earlier.interaction_count as interaction_count,
        earlier.interaction_count - coalesce(before.interaction_count, 0)
            as earlier_interaction_count,
        earlier.least_drop_ratio,
        earlier.least_active_drop_ratio
    from followed as later
    inner join earlier
        on
            later.customer_key = earlier.customer_key
            and later.month_start = earlier.later_month
    left join before
        on
            earlier.customer_key = before.customer_key
            and earlier.month_start = before.earlier_month
    where
        later.as_of_date
        = cast({{ add_months('later.month_start', 1) }} - interval 1 day as date)
),

dropped as (
    select
        *,
        1.0 - cast(deposit_balance_amount as double)
        / cast(earlier_deposit_balance_amount as double) as drop_ratio
    from spans
),

attrition_months as (
    select
        customer_key,
        month_start,
        as_of_date,
        earlier_date,
        earlier_deposit_balance_amount,
        deposit_balance_amount,
        drop_ratio,
        earlier_interaction_count,
        interaction_count,
        drop_ratio >= least_drop_ratio
        or (
            drop_ratio >= least_active_drop_ratio
            and interaction_count
            <= (1.0 - least_drop_ratio) * earlier_interaction_count
        ) as is_lost,
        '{{ var("currency_code") }}' as currency_code
    from dropped
    where {{ is_restated('customer') }}
)

select * from attrition_months
order by month_start, customer_key
