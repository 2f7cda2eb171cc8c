-- One row per loan and month whose daily balance no feed tells: what is owed by the
-- terms, paid off in equal parts, on the account that repays it. No feed tells when a
-- loan was repaid, and what it earned until then is earned: it too goes by its terms.
with loans as (
    select * from {{ ref('stg_core_banking__loans') }}
),

accounts as (
    select * from {{ ref('int_accounts') }}
),

account_balances as (
    select * from {{ ref('int_account_balances') }}
),

exchange_days as (
    select * from {{ ref('int_exchange_days') }}
),

bounds as (
    select coalesce(min(business_date), {{ as_of() }}) as first_date
    from account_balances
),

months as (
    {{ month_spine('(select first_date from bounds)', as_of()) }}
),

untold as (
    select
        loans.*,
        accounts.currency_code
    from loans
    inner join accounts on loans.account_id = accounts.account_id
    where accounts.side_code = 'deposit'
),

aged as (
    select
        untold.loan_id,
        untold.account_id,
        untold.loan_state_code,
        untold.currency_code,
        untold.principal_amount,
        untold.duration_months,
        months.month_start,
        greatest(months.month_start, untold.granted_date) as first_date,
        least(
            {{ add_months('months.month_start', 1) }},
            cast({{ as_of() }} + interval 1 day as date)
        ) as end_date,
        date_diff(
            'month', {{ month_start('untold.granted_date') }}, months.month_start
        ) as months_paid
    from untold
    inner join months
        on untold.granted_date < {{ add_months('months.month_start', 1) }}
),

owed as (
    select
        *,
        principal_amount * (1.0 - months_paid / cast(duration_months as double))
            as owed_amount
    from aged
    where months_paid < duration_months and first_date < end_date
),

loan_months as (
    select
        owed.loan_id,
        owed.account_id,
        owed.loan_state_code,
        owed.duration_months,
        owed.currency_code,
        owed.month_start,
        cast(
            coalesce({{ days_in_own_currency('owed.owed_amount', 'owed') }}, 0)
            as decimal(28, 4)
        ) as balance_day_amount,
        cast({{ days_between('owed.first_date', 'owed.end_date') }} as bigint)
            as day_count
    from owed
    {{ join_exchange_ends('owed') }}
)

select * from loan_months
