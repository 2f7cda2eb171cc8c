-- One row per account and known balance, with the days on which it held: from its date
-- until the next known one, or until the account is closed.
{{ config(materialized='ephemeral') }}

with account_balances as (
    select * from {{ ref('int_account_balances') }}
),

accounts as (
    select * from {{ ref('int_accounts') }}
),

followed as (
    select
        account_id,
        balance_amount,
        business_date as first_date,
        coalesce(
            lead(business_date) over (
                partition by account_id
                order by business_date
            ),
            cast({{ as_of() }} + interval 1 day as date)
        ) as next_date
    from account_balances
),

balance_periods as (
    select
        followed.account_id,
        followed.balance_amount,
        followed.first_date,
        least(
            followed.next_date, coalesce(accounts.closed_date, followed.next_date)
        ) as end_date
    from followed
    left join accounts on followed.account_id = accounts.account_id
    where coalesce(accounts.closed_date > followed.first_date, true)
)

select * from balance_periods
