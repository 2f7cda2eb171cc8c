-- One row per customer with an open account: what the customer holds, by share.
with accounts as (
    select * from {{ ref('int_accounts') }}
    where is_open
),

account_owners as (
    select * from {{ ref('int_account_owners') }}
),

latest_balances as (
    select * from {{ ref('int_latest_balances') }}
),

exchange_days as (
    select * from {{ ref('int_exchange_days') }}
    where on_date = {{ as_of() }}
),

owned as (
    select
        account_owners.customer_key,
        account_owners.owner_share_ratio,
        accounts.account_id,
        accounts.product_kind_code,
        accounts.side_code,
        accounts.group_code,
        accounts.risk_number,
        coalesce(
            {{ in_own_currency(
                'latest_balances.balance_amount', 'accounts.currency_code'
            ) }}, 0
        ) as own_amount
    from accounts
    inner join account_owners on accounts.account_id = account_owners.account_id
    left join latest_balances on accounts.account_id = latest_balances.account_id
    left join exchange_days on accounts.currency_code = exchange_days.currency_code
),

held as (
    select
        *,
        {{ by_share('own_amount', 'owner_share_ratio') }} as share_amount
    from owned
),

summed as (
    select
        customer_key,
        count(*) as open_account_count,
        list_sort(list_distinct(list(product_kind_code))) as product_kinds,
        coalesce(sum(share_amount) filter (where side_code = 'deposit'), 0)
            as deposit_amount,
        coalesce(sum(share_amount) filter (where side_code = 'loan'), 0)
            as loan_amount,
        max(risk_number) as highest_risk_number,
        -- What is held counts by its size, and what is owed not at all.
        cast(
            cast(
                sum(risk_number * share_amount) filter (
                    where side_code = 'deposit' and share_amount > 0
                ) as double
            ) / nullif(
                cast(
                    sum(share_amount) filter (
                        where side_code = 'deposit' and share_amount > 0
                    ) as double
                ), 0
            ) as double
        ) as average_risk_number,
        cast(
            cast(
                coalesce(
                    sum(share_amount) filter (
                        where group_code = 'investments' and share_amount > 0
                    ), 0
                ) as double
            ) / nullif(
                cast(
                    sum(share_amount) filter (
                        where side_code = 'deposit' and share_amount > 0
                    ) as double
                ), 0
            ) as double
        ) as investment_ratio,
        coalesce(bool_or(group_code = 'deposits'), false) as has_deposits,
        coalesce(bool_or(group_code = 'investments'), false) as has_investments,
        coalesce(bool_or(group_code = 'borrowing'), false) as has_borrowing
    from held
    group by customer_key
),

customer_holdings as (
    select
        customer_key,
        open_account_count,
        len(product_kinds) as product_kind_count,
        array_to_string(product_kinds, ', ') as product_kinds,
        {{ in_cents('deposit_amount') }} as deposit_balance_amount,
        {{ in_cents('loan_amount') }} as loan_balance_amount,
        highest_risk_number,
        average_risk_number,
        investment_ratio,
        has_deposits,
        has_investments,
        has_borrowing
    from summed
)

select * from customer_holdings
