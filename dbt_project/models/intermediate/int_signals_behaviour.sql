-- One row per customer and signal: cash that is out of proportion, complaints that stay
-- open or come again, and a salary that has risen.
with record_days as (
    select * from {{ ref('int_record_days') }}
),

cases as (
    select * from {{ ref('complaints') }}
    where customer_key is not null
),

profile_history as (
    select * from {{ ref('profile_history') }}
),

bridge as (
    select * from {{ source('identity', 'customer_identity') }}
    where customer_key is not null
),

terms as (
    select
        cast({{ signal_term('cash_days') }} as integer) as cash_days,
        cast({{ signal_term('cash_baseline_days') }} as integer) as baseline_days,
        {{ signal_term('cash_times') }} as cash_times,
        {{ signal_term('cash_least_amount') }} as cash_least_amount,
        cast({{ signal_term('complaint_repeat_count') }} as integer) as repeat_count,
        cast({{ signal_term('complaint_repeat_days') }} as integer) as repeat_days,
        cast({{ signal_term('salary_months') }} as integer) as salary_months,
        {{ signal_term('salary_rise_ratio') }} as salary_rise_ratio
),

cash as (
    select
        bridge.customer_key,
        coalesce(
            sum(record_days.cash_withdrawal_amount) filter (
                where
                {{ days_between('record_days.business_date', as_of()) }}
                < terms.cash_days
            ), 0
        ) as recent_amount,
        coalesce(
            sum(record_days.cash_withdrawal_amount) filter (
                where
                {{ days_between('record_days.business_date', as_of()) }}
                >= terms.cash_days
            ), 0
        ) * any_value(terms.cash_days) / any_value(terms.baseline_days)
            as usual_amount
    from record_days
    cross join terms
    inner join bridge on record_days.record_id = bridge.record_id
    where
        record_days.business_date > (
            select
                cast(
                    {{ as_of() }}
                    - (window_terms.cash_days + window_terms.baseline_days)
                    * interval 1 day as date
                )
            from terms as window_terms
        )
        and record_days.cash_withdrawal_amount > 0
    group by bridge.customer_key
),

complaints as (
    select
        cases.customer_key,
        count(*) filter (
            where
            {{ days_between('cases.opened_date', as_of()) }} < terms.repeat_days
        ) as recent_count,
        max(case when cases.closed_date is null then cases.taken_days end)
            as oldest_open_days,
        max(
            case
                when cases.closed_date is null
                    then cases.taken_days / cast(cases.limit_days as double)
            end
        ) as limit_share,
        any_value(terms.repeat_count) as repeat_count,
        any_value(terms.repeat_days) as repeat_days
    from cases
    cross join terms
    group by cases.customer_key
),

-- The last whole month against the ones before it, all of which have to have a salary.
salaries as (
    select
        profile_history.customer_key,
        max(
            case
                when
                    profile_history.month_start
                    = {{ add_months(month_start(as_of()), -1) }}
                    then profile_history.salary_amount
            end
        ) as last_amount,
        avg(
            case
                when
                    profile_history.month_start
                    < {{ add_months(month_start(as_of()), -1) }}
                    then profile_history.salary_amount
            end
        ) as usual_amount,
        count(*) filter (where profile_history.salary_amount > 0) as month_count,
        any_value(terms.salary_months) as salary_months,
        any_value(terms.salary_rise_ratio) as salary_rise_ratio
    from profile_history
    cross join terms
    where
        profile_history.month_start < {{ month_start(as_of()) }}
        and profile_history.month_start
        >= {{ add_months(month_start(as_of()), '-1 - terms.salary_months') }}
    group by profile_history.customer_key
),

signals_behaviour as (
    select
        cash.customer_key,
        'unusual_cash' as signal_code,
        'cash' as subject,
        cast(1.0 - cash.usual_amount / cash.recent_amount as double) as score,
        'withdrew ' || cast(cash.recent_amount as decimal(18, 2)) || ' in '
        || terms.cash_days || ' days, where '
        || cast(cash.usual_amount as decimal(18, 2)) || ' is usual' as evidence
    from cash
    cross join terms
    where
        cash.recent_amount >= terms.cash_least_amount
        and cash.recent_amount >= terms.cash_times * cash.usual_amount
    union all
    select
        customer_key,
        'complaint_escalation' as signal_code,
        'cases' as subject,
        least(
            greatest(
                coalesce(limit_share, 0) / 2,
                recent_count / (2.0 * repeat_count)
            ), 1.0
        ) as score,
        recent_count || ' cases in ' || repeat_days || ' days'
        || coalesce(', the oldest open for ' || oldest_open_days || ' days', '')
            as evidence
    from complaints
    where limit_share > 1 or recent_count >= repeat_count
    union all
    select
        customer_key,
        'salary_rise' as signal_code,
        'salary' as subject,
        cast(1.0 - usual_amount / last_amount as double) as score,
        'salary ' || last_amount || ' last month, '
        || cast(usual_amount as decimal(18, 2)) || ' on average in the '
        || salary_months || ' months before' as evidence
    from salaries
    where
        month_count = salary_months + 1
        and last_amount > (1 + salary_rise_ratio) * usual_amount
)

select * from signals_behaviour
