-- One row per account and known balance, with the days on which it held: from its date
-- until the next known one, or until the account is closed. The first one also holds
-- for up to a week before it, on which the account was open and the bank knew balances:
-- a row that was rejected leaves a hole, and an account with a hole is not one without
-- money.
{{ config(materialized='ephemeral') }}

with account_balances as (
    select * from {{ ref('int_account_balances') }}
),

accounts as (
    select * from {{ ref('int_accounts') }}
),

bounds as (
    select min(business_date) as first_date
    from account_balances
),

followed as (
    select
        account_id,
        balance_amount,
        interest_rate,
        business_date as told_date,
        row_number() over (
            partition by account_id
            order by business_date
        ) as balance_number,
        coalesce(
            lead(business_date) over (
                partition by account_id
                order by business_date
            ),
            cast({{ as_of() }} + interval 1 day as date)
        ) as next_date
    from account_balances
),

begun as (
    select
        followed.*,
        case
            when followed.balance_number = 1
                then least(
                    followed.told_date,
                    greatest(
                        bounds.first_date,
                        cast(followed.told_date - interval 7 day as date),
                        coalesce(accounts.opened_date, followed.told_date)
                    )
                )
            else followed.told_date
        end as first_date
    from followed
    cross join bounds
    left join accounts on followed.account_id = accounts.account_id
),

balance_periods as (
    select
        begun.account_id,
        begun.balance_amount,
        coalesce(begun.interest_rate, accounts.interest_rate) as interest_rate,
        coalesce(accounts.currency_code, '{{ var("currency_code") }}') as currency_code,
        begun.first_date,
        least(
            begun.next_date, coalesce(accounts.closed_date, begun.next_date)
        ) as end_date
    from begun
    left join accounts on begun.account_id = accounts.account_id
    where coalesce(accounts.closed_date > begun.first_date, true)
)

select * from balance_periods
