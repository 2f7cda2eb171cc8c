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
        aged.*,
        {{ days_between('aged.first_date', 'aged.end_date') }} as day_count,
        case
            when aged.currency_code = '{{ var("currency_code") }}'
                then {{ days_between('aged.first_date', 'aged.end_date') }}
            else
                cast(
                    at_end.earlier_ratio_days - at_first.earlier_ratio_days as double
                )
        end as ratio_days
    from aged
    left join exchange_days as at_first
        on
            aged.currency_code = at_first.currency_code
            and aged.first_date = at_first.on_date
    left join exchange_days as at_end
        on
            aged.currency_code = at_end.currency_code
            and aged.end_date = at_end.on_date
    where aged.months_paid < aged.duration_months and aged.first_date < aged.end_date
),

loan_months as (
    select
        loan_id,
        account_id,
        loan_state_code,
        duration_months,
        currency_code,
        month_start,
        cast(
            coalesce(
                principal_amount
                * (1.0 - months_paid / cast(duration_months as double))
                * ratio_days, 0
            ) as decimal(28, 4)
        ) as balance_day_amount,
        cast(day_count as bigint) as day_count
    from owed
)

select * from loan_months
