-- One row per customer and month at whose end it owned an account: what it held then.
with accounts as (
    select * from {{ ref('int_accounts') }}
),

account_owners as (
    select * from {{ ref('int_account_owners') }}
),

balance_months as (
    select * from {{ ref('int_balance_months') }}
),

known as (
    select * from {{ ref('int_customers_known') }}
),

months as (
    {{ month_spine('(select min(first_month) from known)', as_of()) }}
),

month_ends as (
    select
        month_start,
        least(
            cast({{ add_months('month_start', 1) }} - interval 1 day as date),
            {{ as_of() }}
        ) as end_date
    from months
),

held as (
    select
        account_owners.customer_key,
        month_ends.month_start,
        accounts.product_kind_code,
        accounts.side_code,
        accounts.group_code,
        cast(
            coalesce(balance_months.closing_amount, 0)
            * account_owners.owner_share_ratio as decimal(28, 8)
        ) as share_amount
    from accounts
    inner join month_ends
        on
            accounts.opened_date <= month_ends.end_date
            and coalesce(accounts.closed_date > month_ends.end_date, true)
    inner join account_owners on accounts.account_id = account_owners.account_id
    left join balance_months
        on
            accounts.account_id = balance_months.account_id
            and month_ends.month_start = balance_months.month_start
),

holding_months as (
    select
        customer_key,
        month_start,
        count(*) as open_account_count,
        count(distinct product_kind_code) as product_kind_count,
        array_to_string(list_sort(list(distinct product_kind_code)), ', ')
            as product_kinds,
        cast(
            coalesce(sum(share_amount) filter (where side_code = 'deposit'), 0)
            as decimal(18, 2)
        ) as deposit_balance_amount,
        cast(
            coalesce(sum(share_amount) filter (where side_code = 'loan'), 0)
            as decimal(18, 2)
        ) as loan_balance_amount,
        coalesce(bool_or(group_code = 'investments'), false) as has_investments,
        coalesce(bool_or(group_code = 'borrowing'), false) as has_borrowing
    from held
    group by customer_key, month_start
)

select * from holding_months
