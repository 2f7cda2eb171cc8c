-- One row per position and month: what an account, or a loan that no balance tells of,
-- earns and risks, in the bank's currency.
{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        pre_hook="{{ forget_restated('account') }}"
    )
}}

-- depends_on: {{ ref('restated_from') }}
-- depends_on: {{ ref('account_fingerprints') }}

with balance_months as (
    {{ restated_rows(ref('int_balance_months'), 'account') }}
),

loan_months as (
    {{ restated_rows(ref('int_loan_months'), 'account') }}
),

accounts as (
    select * from {{ ref('int_accounts') }}
),

product_terms as (
    select * from {{ ref('product_terms') }}
),

ftp_curve as (
    select * from {{ ref('ftp_curve') }}
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
        accounts.product_kind_code,
        accounts.currency_code,
        accounts.tenor_months,
        accounts.loan_state_code,
        balance_months.balance_day_amount,
        balance_months.unrated_balance_day_amount,
        balance_months.interest_day_amount
    from balance_months
    inner join accounts on balance_months.account_id = accounts.account_id
    union all
    select
        account_id,
        month_start,
        'consumer_loan' as product_kind_code,
        currency_code,
        duration_months as tenor_months,
        loan_state_code,
        balance_day_amount,
        balance_day_amount as unrated_balance_day_amount,
        0 as interest_day_amount
    from loan_months
),

-- What a position is priced by; there are few of these, and many positions.
kinds as (
    select distinct
        month_start,
        product_kind_code,
        currency_code,
        tenor_months,
        loan_state_code
    from positions
),

-- Which curve each currency is funded by.
curves as (
    select distinct
        kinds.currency_code,
        own_curve.currency_code as curve_code
    from kinds
    left join ftp_curve as own_curve
        on kinds.currency_code = own_curve.currency_code
),

prices as (
    select
        kinds.*,
        product_terms.side_code,
        cast(product_terms.default_interest_ratio as double) as default_interest_ratio,
        cast(ftp_curve.ftp_ratio as double) as ftp_ratio,
        greatest(
            cast(product_terms.pd_ratio as double),
            coalesce(cast(loan_state_terms.pd_floor_ratio as double), 0.0)
        ) as pd_ratio,
        cast(product_terms.lgd_ratio as double) as lgd_ratio,
        cast(product_terms.capital_ratio as double) as capital_ratio,
        cast(capital_terms.hurdle_ratio as double) as hurdle_ratio
    from kinds
    inner join product_terms
        on
            kinds.product_kind_code = product_terms.product_kind_code
            and kinds.month_start >= product_terms.valid_from
            and kinds.month_start < product_terms.valid_to
    inner join curves
        on kinds.currency_code = curves.currency_code
    inner join ftp_curve
        on
            curves.curve_code is not distinct from ftp_curve.currency_code
            and kinds.tenor_months >= ftp_curve.from_months
            and kinds.tenor_months < coalesce(ftp_curve.to_months, 2147483647)
            and kinds.month_start >= ftp_curve.valid_from
            and kinds.month_start < ftp_curve.valid_to
    inner join capital_terms
        on
            kinds.month_start >= capital_terms.valid_from
            and kinds.month_start < capital_terms.valid_to
    left join loan_state_terms
        on
            kinds.loan_state_code = loan_state_terms.loan_state_code
            and kinds.month_start >= loan_state_terms.valid_from
            and kinds.month_start < loan_state_terms.valid_to
),

priced as (
    select
        positions.account_id,
        positions.month_start,
        positions.product_kind_code,
        positions.currency_code,
        prices.side_code,
        positions.balance_day_amount,
        cast(positions.balance_day_amount as double) / 365.0 as balance_year_amount,
        (
            cast(positions.interest_day_amount as double)
            + cast(positions.unrated_balance_day_amount as double)
            * prices.default_interest_ratio
        ) / 365.0 as interest_amount,
        prices.ftp_ratio,
        prices.pd_ratio,
        prices.lgd_ratio,
        prices.capital_ratio,
        prices.hurdle_ratio
    from positions
    inner join prices
        on
            positions.month_start = prices.month_start
            and positions.product_kind_code = prices.product_kind_code
            and positions.currency_code = prices.currency_code
            and positions.tenor_months = prices.tenor_months
            and positions.loan_state_code
            is not distinct from prices.loan_state_code
),

charged as (
    select
        account_id,
        month_start,
        product_kind_code,
        currency_code,
        side_code,
        balance_day_amount,
        interest_amount,
        balance_year_amount * ftp_ratio as funding_amount,
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
),

-- Decimal before anything is summed up: doubles add up otherwise in another order.
account_contributions as (
    select
        account_id,
        month_start,
        product_kind_code,
        currency_code,
        side_code,
        balance_day_amount,
        cast(interest_amount as decimal(28, 8)) as interest_amount,
        cast(funding_amount as decimal(28, 8)) as funding_amount,
        cast(
            case
                when side_code = 'deposit' then funding_amount - interest_amount
                else 0.0
            end as decimal(28, 8)
        ) as deposit_interest_amount,
        cast(
            case
                when side_code = 'loan' then interest_amount - funding_amount
                else 0.0
            end as decimal(28, 8)
        ) as loan_interest_amount,
        cast(expected_loss_amount as decimal(28, 8)) as expected_loss_amount,
        cast(capital_charge_amount as decimal(28, 8)) as capital_charge_amount
    from charged
)

select * from account_contributions
order by month_start
