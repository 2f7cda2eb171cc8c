-- One row per foreign currency and day, up to the day after the edition's date: what
-- one unit costs in the bank's currency. The last known rate holds until the next one,
-- and the first one before that it is known, too.
with exchange_rates as (
    select * from {{ ref('int_exchange_rates') }}
),

interactions as (
    select * from {{ ref('interactions') }}
),

account_balances as (
    select * from {{ ref('int_account_balances') }}
),

firsts as (
    select min(business_date) as business_date from interactions
    union all
    select min(business_date) as business_date from account_balances
    union all
    select min(business_date) as business_date from exchange_rates
),

bounds as (
    select coalesce(min(business_date), {{ as_of() }}) as first_date
    from firsts
),

days as (
    {{ day_spine(
        '(select first_date from bounds)',
        'cast(' ~ as_of() ~ ' + interval 1 day as date)'
    ) }}
),

currencies as (
    select
        currency_code,
        min_by(exchange_ratio, business_date) as first_ratio
    from exchange_rates
    group by currency_code
),

valued as (
    select
        currencies.currency_code,
        days.on_date,
        coalesce(
            last_value(exchange_rates.exchange_ratio ignore nulls) over (
                partition by currencies.currency_code
                order by days.on_date
            ),
            currencies.first_ratio
        ) as exchange_ratio
    from currencies
    cross join days
    left join exchange_rates
        on
            currencies.currency_code = exchange_rates.currency_code
            and days.on_date = exchange_rates.business_date
),

exchange_days as (
    select
        currency_code,
        on_date,
        exchange_ratio,
        -- Of all days before: what a period comes to is the difference of two of them.
        cast(
            sum(exchange_ratio) over (
                partition by currency_code
                order by on_date
            ) - exchange_ratio as decimal(28, 8)
        ) as earlier_ratio_days
    from valued
)

select * from exchange_days
