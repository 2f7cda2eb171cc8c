-- One row per customer and business date, branch and tier with a change of what stands
-- at the end of the day there: movements up to a day add up to it. What is nobody's is
-- a customer without a key.
{%- set stocks = placed_stocks() %}
{%- set restated_accounts -%}
    select owners.account_id
    from {{ ref('int_account_owners') }} as owners
    where owners.customer_key in ({{ restated('placement') }})
    union all
    select accounts.account_id
    from {{ ref('int_accounts') }} as accounts
    where
        {{ nobody() }} in ({{ restated('placement') }})
        and accounts.account_id not in (
            select owners.account_id from {{ ref('int_account_owners') }} as owners
        )
{%- endset %}
{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        pre_hook="{{ forget_restated('placement', day='business_date') }}"
    )
}}

-- depends_on: {{ ref('restated_from') }}
-- depends_on: {{ ref('placement_fingerprints') }}

with bridge as (
    select * from {{ source('identity', 'customer_identity') }}
),

places as (
    select * from {{ ref('int_customer_places') }}
),

accounts as (
    select * from {{ ref('int_accounts') }}
),

account_owners as (
    select * from {{ ref('int_account_owners') }}
),

balances as (
    {{ restated_balances(
        ref('int_balance_months'), 'placement', restated_accounts
    ) }}
),

balance_periods as (
    {{ balance_periods('balances') }}
),

exchange_days as (
    select * from {{ ref('int_exchange_days') }}
),

cases_log as (
    select * from {{ ref('int_cases_log') }}
),

shares as (
    select
        accounts.account_id,
        accounts.side_code,
        account_owners.customer_key,
        coalesce(account_owners.owner_share_ratio, 1.0) as owner_share_ratio
    from accounts
    left join account_owners on accounts.account_id = account_owners.account_id
),

-- A foreign balance is worth another amount on every day.
valued_periods as (
    select
        account_id,
        balance_amount as own_amount,
        first_date,
        end_date
    from balance_periods
    where currency_code = '{{ var("currency_code") }}'
    union all
    select
        balance_periods.account_id,
        {{ in_own_currency('balance_periods.balance_amount',
            'balance_periods.currency_code') }} as own_amount,
        exchange_days.on_date as first_date,
        cast(exchange_days.on_date + interval 1 day as date) as end_date
    from balance_periods
    inner join exchange_days
        on
            balance_periods.currency_code = exchange_days.currency_code
            and balance_periods.first_date <= exchange_days.on_date
            and balance_periods.end_date > exchange_days.on_date
    where balance_periods.currency_code <> '{{ var("currency_code") }}'
),

case_turns as (
    select
        case_id,
        record_id,
        business_date as first_date,
        status_code,
        lead(business_date, 1, date '9999-12-31') over (
            partition by case_id
            order by business_date
        ) as end_date
    from cases_log
),

-- Each comes on its first day and goes on the first on which it no longer holds.
spans as (
    select
        customer_key,
        valid_from as first_date,
        valid_to as end_date,
        1 as customer_count,
        cast(0 as decimal(28, 8)) as deposit_balance_amount,
        cast(0 as decimal(28, 8)) as loan_balance_amount,
        0 as open_case_count
    from places
    union all
    select
        shares.customer_key,
        valued_periods.first_date,
        valued_periods.end_date,
        0 as customer_count,
        case
            when shares.side_code = 'deposit'
                then {{ by_share('valued_periods.own_amount',
                    'shares.owner_share_ratio') }}
            else 0
        end as deposit_balance_amount,
        case
            when shares.side_code = 'loan'
                then {{ by_share('valued_periods.own_amount',
                    'shares.owner_share_ratio') }}
            else 0
        end as loan_balance_amount,
        0 as open_case_count
    from valued_periods
    inner join shares on valued_periods.account_id = shares.account_id
    union all
    select
        bridge.customer_key,
        case_turns.first_date,
        case_turns.end_date,
        0 as customer_count,
        cast(0 as decimal(28, 8)) as deposit_balance_amount,
        cast(0 as decimal(28, 8)) as loan_balance_amount,
        1 as open_case_count
    from case_turns
    left join bridge on case_turns.record_id = bridge.record_id
    where case_turns.status_code = 'open'
),

-- Who changes tier takes everything along.
placed_spans as (
    select
        spans.customer_key,
        coalesce(places.branch_id, 'unknown') as branch_id,
        coalesce(places.tier, 'unknown') as tier,
        greatest(spans.first_date, coalesce(places.valid_from, spans.first_date))
            as first_date,
        least(spans.end_date, coalesce(places.valid_to, spans.end_date)) as end_date,
    {%- for stock in stocks %}
        spans.{{ stock }}
        {{- "," if not loop.last }}
    {%- endfor %}
    from spans
    left join places
        on
            spans.customer_key = places.customer_key
            and spans.first_date < places.valid_to
            and spans.end_date > places.valid_from
),

movements as (
    select
        customer_key,
        first_date as business_date,
        branch_id,
        tier,
    {%- for stock in stocks %}
        {{ stock }}
        {{- "," if not loop.last }}
    {%- endfor %}
    from placed_spans
    union all
    select
        customer_key,
        end_date as business_date,
        branch_id,
        tier,
    {%- for stock in stocks %}
        -{{ stock }} as {{ stock }}
        {{- "," if not loop.last }}
    {%- endfor %}
    from placed_spans
    where end_date <= {{ as_of() }}
),

customer_movements as (
    select
        customer_key,
        business_date,
        branch_id,
        tier,
    {%- for stock in stocks %}
        cast(
            sum({{ stock }})
            as {{ 'bigint' if stock.endswith('_count') else 'decimal(38, 8)' }}
        ) as {{ stock }}
        {{- "," if not loop.last }}
    {%- endfor %}
    from movements
    where {{ is_restated('placement', day='business_date') }}
    group by customer_key, business_date, branch_id, tier
)

select * from customer_movements
order by business_date
