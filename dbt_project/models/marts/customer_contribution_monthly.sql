-- One row per customer and month in which the customer had a balance or an interaction.
{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        on_schema_change='fail',
        pre_hook="{{ forget_restated('customer') }}"
    )
}}

-- depends_on: {{ ref('restated_from') }}
-- depends_on: {{ ref('customer_fingerprints') }}

{%- set balance_parts = [
    'deposit_interest_amount',
    'loan_interest_amount',
    'expected_loss_amount',
    'capital_charge_amount',
] %}
with account_contributions as (
    {{ restated_holdings(ref('int_account_contributions')) }}
),

account_owners as (
    select * from {{ ref('int_account_owners') }}
),

customer_months as (
    {{ restated_rows(ref('int_customer_months'), 'customer') }}
),

from_balances as (
    select
        account_owners.customer_key,
        account_contributions.month_start,
    {%- for part in balance_parts %}
        sum(
            {{ by_share(
                'account_contributions.' ~ part, 'account_owners.owner_share_ratio'
            ) }}
        ) as {{ part }}
        {{- "," if not loop.last }}
    {%- endfor %}
    from account_contributions
    inner join account_owners
        on account_contributions.account_id = account_owners.account_id
    where {{ is_restated('customer') }}
    group by account_owners.customer_key, account_contributions.month_start
),

-- Each part is rounded to the cent once, so that the parts add up to the whole.
parts as (
    select
        coalesce(from_balances.customer_key, customer_months.customer_key)
            as customer_key,
        coalesce(from_balances.month_start, customer_months.month_start)
            as month_start,
        {{ in_cents('coalesce(from_balances.deposit_interest_amount, 0)') }}
            as deposit_interest_amount,
        {{ in_cents('coalesce(from_balances.loan_interest_amount, 0)') }}
            as loan_interest_amount,
        {{ in_cents('coalesce(customer_months.fee_amount, 0)') }} as fee_amount,
        {{ in_cents('coalesce(customer_months.cost_to_serve_amount, 0)') }}
            as cost_to_serve_amount,
        {{ in_cents('coalesce(from_balances.expected_loss_amount, 0)') }}
            as expected_loss_amount,
        {{ in_cents('coalesce(from_balances.capital_charge_amount, 0)') }}
            as capital_charge_amount
    from from_balances
    full join customer_months
        on
            from_balances.customer_key = customer_months.customer_key
            and from_balances.month_start = customer_months.month_start
),

tax_terms as (
    select * from {{ ref('tax_terms') }}
),

taxable as (
    select
        parts.*,
        (
            parts.deposit_interest_amount
            + parts.loan_interest_amount
            + parts.fee_amount
            - parts.cost_to_serve_amount
            - parts.expected_loss_amount
        ) * cast(coalesce(tax_terms.tax_ratio, 0) as decimal(9, 6)) as tax_amount
    from parts
    left join tax_terms
        on
            parts.month_start >= tax_terms.valid_from
            and parts.month_start < tax_terms.valid_to
),

taxed as (
    select
        customer_key,
        month_start,
        deposit_interest_amount,
        loan_interest_amount,
        fee_amount,
        cost_to_serve_amount,
        expected_loss_amount,
        {{ in_cents('tax_amount') }} as tax_amount,
        capital_charge_amount
    from taxable
),

customer_contribution_monthly as (
    select
        customer_key,
        month_start,
        deposit_interest_amount,
        loan_interest_amount,
        fee_amount,
        cost_to_serve_amount,
        expected_loss_amount,
        tax_amount,
        capital_charge_amount,
        cast(
            deposit_interest_amount
            + loan_interest_amount
            + fee_amount
            - cost_to_serve_amount
            - expected_loss_amount
            - tax_amount
            - capital_charge_amount as decimal(18, 2)
        ) as contribution_amount,
        '{{ var("currency_code") }}' as currency_code
    from taxed
)

select * from customer_contribution_monthly
order by month_start
