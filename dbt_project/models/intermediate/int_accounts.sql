-- One row per account, with what its kind of product earns and risks.
with accounts as (
    select * from {{ ref('stg_core_banking__accounts') }}
),

products as (
    select * from {{ ref('stg_core_banking__products') }}
),

product_terms as (
    select * from {{ ref('product_terms') }}
    where {{ as_of() }} >= valid_from and {{ as_of() }} < valid_to
),

-- A bank without a product catalogue names the kind of product in product_id.
kinds as (
    select
        accounts.account_id,
        coalesce(products.product_kind_code, accounts.product_id) as product_kind_code,
        cast(substr(products.risk_level_code, 2) as integer) as product_risk_number
    from accounts
    left join products on accounts.product_id = products.product_id
),

described as (
    select
        accounts.account_id,
        accounts.product_id,
        kinds.product_kind_code,
        product_terms.side_code,
        product_terms.group_code,
        accounts.opened_date,
        accounts.closed_date,
        coalesce(accounts.closed_date > {{ as_of() }}, true) as is_open,
        accounts.currency_code,
        accounts.interest_rate,
        accounts.maturity_date,
        -- The tenor at which it is funded: months to the day, rounded.
        coalesce(
            case
                when accounts.maturity_date >= accounts.opened_date
                    then cast(
                        round(
                            {{ days_between(
                                'accounts.opened_date', 'accounts.maturity_date'
                            ) }} / 30.4375
                        ) as integer
                    )
            end,
            product_terms.ftp_tenor_months
        ) as tenor_months,
        coalesce(accounts.loan_state_code, 'performing') as loan_state_code,
        accounts.branch_id,
        coalesce(kinds.product_risk_number, product_terms.risk_number) as risk_number
    from accounts
    inner join kinds on accounts.account_id = kinds.account_id
    left join product_terms
        on kinds.product_kind_code = product_terms.product_kind_code
    where accounts.opened_date <= {{ as_of() }}
)

select * from described
