-- One row per customer whose deposits have dropped, or have dropped somewhat while it
-- also does less than it used to: by the size of the drop, not by a change of tier.
with profile_history as (
    select * from {{ ref('profile_history') }}
),

customers as (
    select * from {{ ref('customers') }}
),

terms as (
    select
        cast({{ signal_term('attrition_months') }} as integer) as month_count,
        {{ signal_term('attrition_least_balance') }} as least_balance,
        {{ signal_term('attrition_drop_ratio') }} as drop_ratio,
        {{ signal_term('attrition_active_drop_ratio') }} as active_drop_ratio
),

compared as (
    select
        customers.customer_key,
        earlier.as_of_date as earlier_date,
        earlier.deposit_balance_amount as earlier_amount,
        customers.deposit_balance_amount,
        customers.activity_change_code,
        customers.last_30_days_count,
        customers.baseline_30_days_count,
        1.0 - cast(customers.deposit_balance_amount as double)
        / cast(earlier.deposit_balance_amount as double) as drop_ratio,
        terms.drop_ratio as least_ratio,
        terms.active_drop_ratio as least_active_ratio
    from customers
    cross join terms
    inner join profile_history as earlier
        on
            customers.customer_key = earlier.customer_key
            and {{ add_months(month_start(as_of()), '-terms.month_count') }}
            = earlier.month_start
    where cast(earlier.deposit_balance_amount as double) >= terms.least_balance
),

signals_attrition as (
    select
        customer_key,
        'attrition' as signal_code,
        'deposits' as subject,
        least(drop_ratio, 1.0) as score,
        'deposits ' || deposit_balance_amount || ' against ' || earlier_amount
        || ' on ' || earlier_date || ' ('
        || cast(round(-100 * drop_ratio) as integer) || ' %); '
        || last_30_days_count || ' interactions in 30 days against '
        || round(baseline_30_days_count, 1) as evidence
    from compared
    where
        drop_ratio >= least_ratio
        or (drop_ratio >= least_active_ratio and activity_change_code = 'down')
)

select * from signals_attrition
