-- One row per customer and month at whose end it owned an account: what it held then.
{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        pre_hook="{{ forget_restated('customer') }}"
    )
}}

-- depends_on: {{ ref('restated_from') }}
-- depends_on: {{ ref('customer_fingerprints') }}

with accounts as (
    select * from {{ ref('int_accounts') }}
),

account_owners as (
    select
        *,
        {{ restated_since('customer') }} as since_month
    from {{ ref('int_account_owners') }}
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
        {{ by_share(
            'coalesce(balance_months.closing_amount, 0)',
            'account_owners.owner_share_ratio'
        ) }} as share_amount
    from accounts
    inner join account_owners on accounts.account_id = account_owners.account_id
    inner join month_ends
        on
            accounts.opened_date <= month_ends.end_date
            and account_owners.since_month <= month_ends.month_start
            and coalesce(accounts.closed_date > month_ends.end_date, true)
    left join balance_months
        on
            accounts.account_id = balance_months.account_id
            and month_ends.month_start = balance_months.month_start
),

-- By kind first: of a few rows a customer none is counted twice.
kinds as (
    select
        customer_key,
        month_start,
        product_kind_code,
        min(group_code) as group_code,
        count(*) as account_count,
        sum(case when side_code = 'deposit' then share_amount end) as deposit_amount,
        sum(case when side_code = 'loan' then share_amount end) as loan_amount
    from held
    group by customer_key, month_start, product_kind_code
),

summed as (
    select
        customer_key,
        month_start,
        cast(sum(account_count) as bigint) as open_account_count,
        count(product_kind_code) as product_kind_count,
        array_to_string(list_sort(list(product_kind_code)), ', ') as product_kinds,
        coalesce(sum(deposit_amount), 0) as deposit_amount,
        coalesce(sum(loan_amount), 0) as loan_amount,
        coalesce(bool_or(group_code = 'investments'), false) as has_investments,
        coalesce(bool_or(group_code = 'borrowing'), false) as has_borrowing
    from kinds
    group by customer_key, month_start
),

holding_months as (
    select
        customer_key,
        month_start,
        open_account_count,
        product_kind_count,
        product_kinds,
        {{ in_cents('deposit_amount') }} as deposit_balance_amount,
        {{ in_cents('loan_amount') }} as loan_balance_amount,
        has_investments,
        has_borrowing
    from summed
)

select * from holding_months
order by month_start
