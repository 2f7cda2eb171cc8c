-- One row per customer and month in which the customer had a balance or an interaction.
with account_contributions as (
    select * from {{ ref('int_account_contributions') }}
),

account_owners as (
    select * from {{ ref('int_account_owners') }}
),

record_months as (
    select * from {{ ref('int_record_months') }}
),

bridge as (
    select * from {{ source('identity', 'customer_identity') }}
    where customer_key is not null
),

-- Decimal before it is summed up: doubles add up otherwise in another order.
from_balances as (
    select
        account_owners.customer_key,
        account_contributions.month_start,
        sum(
            cast(
                account_contributions.deposit_interest_amount
                * account_owners.owner_share_ratio as decimal(28, 8)
            )
        )
            as deposit_interest_amount,
        sum(
            cast(
                account_contributions.loan_interest_amount
                * account_owners.owner_share_ratio as decimal(28, 8)
            )
        )
            as loan_interest_amount,
        sum(
            cast(
                account_contributions.expected_loss_amount
                * account_owners.owner_share_ratio as decimal(28, 8)
            )
        )
            as expected_loss_amount,
        sum(
            cast(
                account_contributions.capital_charge_amount
                * account_owners.owner_share_ratio as decimal(28, 8)
            )
        )
            as capital_charge_amount
    from account_contributions
    inner join account_owners
        on account_contributions.account_id = account_owners.account_id
    group by account_owners.customer_key, account_contributions.month_start
),

from_activities as (
    select
        bridge.customer_key,
        record_months.month_start,
        sum(
            case
                when record_months.activity_code in ('fee', 'penalty_interest')
                    then record_months.total_amount
                else 0
            end
        ) as fee_amount,
        sum(record_months.cost_to_serve_amount) as cost_to_serve_amount
    from record_months
    inner join bridge on record_months.record_id = bridge.record_id
    group by bridge.customer_key, record_months.month_start
),

-- Each part is rounded to the cent once, so that the parts add up to the whole.
parts as (
    select
        coalesce(from_balances.customer_key, from_activities.customer_key)
            as customer_key,
        coalesce(from_balances.month_start, from_activities.month_start)
            as month_start,
        cast(coalesce(from_balances.deposit_interest_amount, 0) as decimal(18, 2))
            as deposit_interest_amount,
        cast(coalesce(from_balances.loan_interest_amount, 0) as decimal(18, 2))
            as loan_interest_amount,
        cast(coalesce(from_activities.fee_amount, 0) as decimal(18, 2)) as fee_amount,
        cast(coalesce(from_activities.cost_to_serve_amount, 0) as decimal(18, 2))
            as cost_to_serve_amount,
        cast(coalesce(from_balances.expected_loss_amount, 0) as decimal(18, 2))
            as expected_loss_amount,
        cast(coalesce(from_balances.capital_charge_amount, 0) as decimal(18, 2))
            as capital_charge_amount
    from from_balances
    full join from_activities
        on
            from_balances.customer_key = from_activities.customer_key
            and from_balances.month_start = from_activities.month_start
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
        capital_charge_amount,
        cast(
            deposit_interest_amount
            + loan_interest_amount
            + fee_amount
            - cost_to_serve_amount
            - expected_loss_amount
            - capital_charge_amount as decimal(18, 2)
        ) as contribution_amount,
        '{{ var("currency_code") }}' as currency_code
    from parts
)

select * from customer_contribution_monthly
