-- One row per month, kind of product and currency that the ledger or an account tells
-- of: what each says, and what the ledger's balances come to at the accounts' prices.
with ledger_totals as (
    select * from {{ ref('int_ledger_totals') }}
),

account_balances as (
    select * from {{ ref('int_account_balances') }}
),

account_contributions as (
    select * from {{ ref('int_account_contributions') }}
),

exchange_days as (
    select * from {{ ref('int_exchange_days') }}
),

product_terms as (
    select * from {{ ref('product_terms') }}
),

-- Before the first balance there is nothing to hold the ledger against.
bounds as (
    select coalesce(min(business_date), {{ as_of() }}) as first_date
    from account_balances
),

months as (
    {{ month_spine('(select first_date from bounds)', as_of()) }}
),

month_days as (
    select
        months.month_start,
        cast(
            {{ days_between(
                'greatest(months.month_start, bounds.first_date)',
                'least(' ~ add_months('months.month_start', 1) ~ ', cast('
                ~ as_of() ~ ' + interval 1 day as date))'
            ) }} as bigint
        ) as day_count
    from months
    cross join bounds
),

told_days as (
    select
        {{ month_start('ledger_totals.business_date') }} as month_start,
        count(distinct ledger_totals.business_date) as told_day_count
    from ledger_totals
    inner join bounds on ledger_totals.business_date >= bounds.first_date
    group by {{ month_start('ledger_totals.business_date') }}
),

-- As with accounts, what the ledger told last holds until it tells anew.
followed as (
    select
        ledger_totals.ledger_line_code,
        ledger_totals.product_kind_code,
        ledger_totals.currency_code,
        ledger_totals.amount,
        ledger_totals.business_date as first_date,
        coalesce(
            lead(ledger_totals.business_date) over (
                partition by ledger_totals.ledger_account_id
                order by ledger_totals.business_date
            ), cast({{ as_of() }} + interval 1 day as date)
        ) as end_date
    from ledger_totals
    inner join bounds on ledger_totals.business_date >= bounds.first_date
    where ledger_totals.ledger_line_code in ('balance', 'interest')
),

pieces as (
    select
        followed.ledger_line_code,
        followed.product_kind_code,
        followed.currency_code,
        followed.amount,
        months.month_start,
        greatest(followed.first_date, months.month_start) as first_date,
        least(followed.end_date, {{ add_months('months.month_start', 1) }}) as end_date
    from followed
    inner join months
        on
            followed.first_date < {{ add_months('months.month_start', 1) }}
            and followed.end_date > months.month_start
),

valued as (
    select
        pieces.ledger_line_code,
        pieces.product_kind_code,
        pieces.currency_code,
        pieces.month_start,
        {{ days_in_own_currency('pieces.amount', 'pieces', digits=8) }} as amount_days
    from pieces
    {{ join_exchange_ends('pieces') }}
),

from_ledger as (
    select
        month_start,
        product_kind_code,
        currency_code,
        coalesce(
            sum(amount_days) filter (where ledger_line_code = 'balance'), 0
        ) as balance_day_amount,
        coalesce(
            sum(amount_days) filter (where ledger_line_code = 'interest'), 0
        ) as interest_amount
    from valued
    group by month_start, product_kind_code, currency_code
),

from_accounts as (
    select
        month_start,
        product_kind_code,
        currency_code,
        min(side_code) as side_code,
        sum(balance_day_amount) as balance_day_amount,
        sum(interest_amount) as interest_amount,
        sum(funding_amount) as funding_amount,
        sum(expected_loss_amount) as expected_loss_amount,
        sum(capital_charge_amount) as capital_charge_amount
    from account_contributions
    group by month_start, product_kind_code, currency_code
),

-- A unit of the ledger's balance costs and risks what one of the accounts' does.
matched as (
    select
        coalesce(from_ledger.month_start, from_accounts.month_start) as month_start,
        coalesce(from_ledger.product_kind_code, from_accounts.product_kind_code)
            as product_kind_code,
        coalesce(from_ledger.currency_code, from_accounts.currency_code)
            as held_currency_code,
        from_accounts.side_code,
        coalesce(from_ledger.balance_day_amount, 0) as ledger_balance_day_amount,
        coalesce(from_ledger.interest_amount, 0) as ledger_interest_amount,
        coalesce(from_accounts.balance_day_amount, 0) as account_balance_day_amount,
        coalesce(from_accounts.interest_amount, 0) as account_interest_amount,
        cast(
            coalesce(
                cast(from_ledger.balance_day_amount as double)
                / nullif(cast(from_accounts.balance_day_amount as double), 0), 0
            ) as double
        ) as ledger_ratio,
        coalesce(from_accounts.funding_amount, 0) as funding_amount,
        coalesce(from_accounts.expected_loss_amount, 0) as expected_loss_amount,
        coalesce(from_accounts.capital_charge_amount, 0) as capital_charge_amount
    from from_ledger
    full join from_accounts
        on
            from_ledger.month_start = from_accounts.month_start
            and from_ledger.product_kind_code = from_accounts.product_kind_code
            and from_ledger.currency_code = from_accounts.currency_code
),

ledger_months as (
    select
        matched.month_start,
        matched.product_kind_code,
        matched.held_currency_code,
        coalesce(matched.side_code, product_terms.side_code) as side_code,
        month_days.day_count,
        coalesce(told_days.told_day_count, 0) as told_day_count,
        matched.ledger_balance_day_amount,
        matched.ledger_interest_amount,
        cast(
            cast(matched.funding_amount as double) * matched.ledger_ratio
            as decimal(28, 8)
        ) as ledger_funding_amount,
        cast(
            cast(matched.expected_loss_amount as double) * matched.ledger_ratio
            as decimal(28, 8)
        ) as ledger_expected_loss_amount,
        cast(
            cast(matched.capital_charge_amount as double) * matched.ledger_ratio
            as decimal(28, 8)
        ) as ledger_capital_charge_amount,
        matched.account_balance_day_amount,
        matched.account_interest_amount
    from matched
    inner join month_days on matched.month_start = month_days.month_start
    left join told_days on matched.month_start = told_days.month_start
    left join product_terms
        on
            matched.product_kind_code = product_terms.product_kind_code
            and matched.month_start >= product_terms.valid_from
            and matched.month_start < product_terms.valid_to
)

select * from ledger_months
