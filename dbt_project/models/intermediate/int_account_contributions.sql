-- One row per account, kind of product and month: what it earns and risks.
with balance_months as (
    select * from {{ ref('int_balance_months') }}
),

loan_months as (
    select * from {{ ref('int_loan_months') }}
),

accounts as (
    select * from {{ ref('int_accounts') }}
),

product_terms as (
    select * from {{ ref('product_terms') }}
),

loan_state_terms as (
    select * from {{ ref('loan_state_terms') }}
),

capital_terms as (
    select * from {{ ref('capital_terms') }}
),

positions as (
    select
        balance_months.account_id,
        balance_months.month_start,
        balance_months.balance_day_amount,
        accounts.product_kind_code,
        accounts.loan_state_code,
        accounts.interest_rate
    from balance_months
    inner join accounts on balance_months.account_id = accounts.account_id
    union all
    select
        account_id,
        month_start,
        balance_day_amount,
        'consumer_loan' as product_kind_code,
        loan_state_code,
        null as interest_rate
    from loan_months
),

priced as (
    select
        positions.account_id,
        positions.month_start,
        positions.product_kind_code,
        product_terms.side_code,
        cast(positions.balance_day_amount as double) / 365.0 as balance_year_amount,
        cast(product_terms.ftp_ratio as double) as ftp_ratio,
        cast(
            coalesce(positions.interest_rate, product_terms.default_interest_ratio)
            as double
        ) as interest_ratio,
        greatest(
            cast(product_terms.pd_ratio as double),
            coalesce(cast(loan_state_terms.pd_floor_ratio as double), 0.0)
        ) as pd_ratio,
        cast(product_terms.lgd_ratio as double) as lgd_ratio,
        cast(product_terms.capital_ratio as double) as capital_ratio,
        cast(capital_terms.hurdle_ratio as double) as hurdle_ratio
    from positions
    inner join product_terms
        on
            positions.product_kind_code = product_terms.product_kind_code
            and positions.month_start >= product_terms.valid_from
            and positions.month_start < product_terms.valid_to
    inner join capital_terms
        on
            positions.month_start >= capital_terms.valid_from
            and positions.month_start < capital_terms.valid_to
    left join loan_state_terms
        on
            positions.loan_state_code = loan_state_terms.loan_state_code
            and positions.month_start >= loan_state_terms.valid_from
            and positions.month_start < loan_state_terms.valid_to
),

account_contributions as (
    select
        account_id,
        month_start,
        product_kind_code,
        case
            when side_code = 'deposit'
                then balance_year_amount * (ftp_ratio - interest_ratio)
            else 0.0
        end as deposit_interest_amount,
        case
            when side_code = 'loan'
                then balance_year_amount * (interest_ratio - ftp_ratio)
            else 0.0
        end as loan_interest_amount,
        case
            when side_code = 'loan'
                then balance_year_amount * pd_ratio * lgd_ratio
            else 0.0
        end as expected_loss_amount,
        case
            when side_code = 'loan'
                then balance_year_amount * capital_ratio * hurdle_ratio
            else 0.0
        end as capital_charge_amount
    from priced
)

select * from account_contributions
