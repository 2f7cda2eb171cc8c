-- One row per customer, signal and account: overdrawn, behind with a loan, or maturing.
with accounts as (
    select * from {{ ref('int_accounts') }}
    where is_open
),

account_owners as (
    select * from {{ ref('int_account_owners') }}
),

latest as (
    select * from {{ ref('int_latest_balances') }}
),

terms as (
    select
        {{ signal_term('overdue_full_days') }} as overdue_full_days,
        cast({{ signal_term('maturing_days') }} as integer) as maturing_days
),

standing as (
    select
        account_owners.customer_key,
        accounts.account_id,
        accounts.side_code,
        accounts.currency_code,
        accounts.maturity_date,
        latest.balance_amount,
        coalesce(latest.overdue_days, 0) as overdue_days
    from accounts
    inner join account_owners on accounts.account_id = account_owners.account_id
    inner join latest on accounts.account_id = latest.account_id
),

signals_accounts as (
    select
        customer_key,
        'overdraft' as signal_code,
        account_id as subject,
        cast(1 as double) as score,
        'balance ' || balance_amount || ' ' || currency_code as evidence
    from standing
    where side_code = 'deposit' and balance_amount < 0
    union all
    select
        standing.customer_key,
        'missed_instalment' as signal_code,
        standing.account_id as subject,
        least(standing.overdue_days / terms.overdue_full_days, 1.0) as score,
        standing.overdue_days || ' days past due, '
        || standing.balance_amount || ' ' || standing.currency_code || ' owed'
            as evidence
    from standing
    cross join terms
    where standing.side_code = 'loan' and standing.overdue_days > 0
    union all
    select
        standing.customer_key,
        'maturing_deposit' as signal_code,
        standing.account_id as subject,
        1.0 - cast({{ days_between(as_of(), 'standing.maturity_date') }} as double)
        / (terms.maturing_days + 1) as score,
        standing.balance_amount || ' ' || standing.currency_code
        || ' matures on ' || standing.maturity_date as evidence
    from standing
    cross join terms
    where
        standing.side_code = 'deposit'
        and standing.balance_amount > 0
        and standing.maturity_date >= {{ as_of() }}
        and {{ days_between(as_of(), 'standing.maturity_date') }} <= terms.maturing_days
)

select * from signals_accounts
