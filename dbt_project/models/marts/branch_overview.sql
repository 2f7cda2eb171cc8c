-- One row per business date, branch and tier with customers, from the bank's first day
-- on.
{%- set flows = [
    'interaction_count', 'call_count', 'abandoned_call_count', 'case_opened_count',
    'satisfaction_score', 'satisfaction_answer_count', 'credit_amount', 'debit_amount',
    'cost_to_serve_amount',
] %}
{%- set stocks = [
    'customer_count', 'deposit_balance_amount', 'loan_balance_amount', 'open_case_count',
] %}
with record_days as (
    select * from {{ ref('int_record_days') }}
),

bridge as (
    select * from {{ source('identity', 'customer_identity') }}
),

places as (
    select * from {{ ref('int_customer_places') }}
),

balance_periods as (
    select * from {{ ref('int_balance_periods') }}
),

accounts as (
    select * from {{ ref('int_accounts') }}
),

account_owners as (
    select * from {{ ref('int_account_owners') }}
),

exchange_days as (
    select * from {{ ref('int_exchange_days') }}
),

cases_log as (
    select * from {{ ref('int_cases_log') }}
),

-- Flows: what a day brought.
placed_days as (
    select
        record_days.*,
        bridge.customer_key,
        coalesce(places.branch_id, 'unknown') as branch_id,
        coalesce(places.tier, 'unknown') as tier
    from record_days
    left join bridge on record_days.record_id = bridge.record_id
    left join places
        on
            bridge.customer_key = places.customer_key
            and record_days.business_date >= places.valid_from
            and record_days.business_date < places.valid_to
),

daily_flows as (
    select
        business_date,
        branch_id,
        tier,
        count(distinct customer_key) as active_customer_count,
    {%- for flow in flows %}
        sum({{ flow }}) as {{ flow }}
        {{- "," if not loop.last }}
    {%- endfor %}
    from placed_days
    group by business_date, branch_id, tier
),

-- Stocks: what stands at the end of a day. Each comes on its first day and goes on the
-- first on which it no longer holds, so that the movements up to a day add up to it.
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
        first_date as business_date,
        branch_id,
        tier,
    {%- for stock in stocks %}
        sum({{ stock }}) as {{ stock }}
        {{- "," if not loop.last }}
    {%- endfor %}
    from placed_spans
    group by first_date, branch_id, tier
    union all
    select
        end_date as business_date,
        branch_id,
        tier,
    {%- for stock in stocks %}
        -sum({{ stock }}) as {{ stock }}
        {{- "," if not loop.last }}
    {%- endfor %}
    from placed_spans
    where end_date <= {{ as_of() }}
    group by end_date, branch_id, tier
),

daily_movements as (
    select
        business_date,
        branch_id,
        tier,
    {%- for stock in stocks %}
        sum({{ stock }}) as {{ stock }}
        {{- "," if not loop.last }}
    {%- endfor %}
    from movements
    group by business_date, branch_id, tier
),

bounds as (
    select min(business_date) as first_date
    from (
        select business_date from daily_flows
        union all
        select first_date from balance_periods
        union all
        select business_date from cases_log
    ) as known
),

days as (
    {{ day_spine('(select first_date from bounds)', as_of()) }}
),

-- What moved before the first day, such as the first of its month, stands on it.
stock_days as (
    select
        greatest(daily_movements.business_date, bounds.first_date) as business_date,
        daily_movements.branch_id,
        daily_movements.tier,
    {%- for stock in stocks %}
        sum(daily_movements.{{ stock }}) as {{ stock }}
        {{- "," if not loop.last }}
    {%- endfor %}
    from daily_movements
    cross join bounds
    group by
        greatest(daily_movements.business_date, bounds.first_date),
        daily_movements.branch_id,
        daily_movements.tier
),

groups as (
    select
        branch_id,
        tier
    from daily_flows
    union
    select
        branch_id,
        tier
    from stock_days
),

filled as (
    select
        days.on_date as business_date,
        groups.branch_id,
        groups.tier,
        coalesce(daily_flows.active_customer_count, 0) as active_customer_count,
        {%- for flow in flows %}
            coalesce(daily_flows.{{ flow }}, 0) as {{ flow }},
        {%- endfor %}
    {%- for stock in stocks %}
        sum(coalesce(stock_days.{{ stock }}, 0)) over (
            partition by groups.branch_id, groups.tier
            order by days.on_date
            ) as {{ stock }}
        {{- "," if not loop.last }}
    {%- endfor %}
    from days
    cross join groups
    left join daily_flows
        on
            days.on_date = daily_flows.business_date
            and groups.branch_id = daily_flows.branch_id
            and groups.tier = daily_flows.tier
    left join stock_days
        on
            days.on_date = stock_days.business_date
            and groups.branch_id = stock_days.branch_id
            and groups.tier = stock_days.tier
),

branch_overview as (
    select
        business_date,
        branch_id,
        tier,
        cast(customer_count as bigint) as customer_count,
        cast(active_customer_count as bigint) as active_customer_count,
        cast(interaction_count as bigint) as interaction_count,
        {{ in_cents('credit_amount') }} as credit_amount,
        {{ in_cents('debit_amount') }} as debit_amount,
        {{ in_cents('deposit_balance_amount') }} as deposit_balance_amount,
        {{ in_cents('loan_balance_amount') }} as loan_balance_amount,
        {{ in_cents('cost_to_serve_amount') }} as cost_to_serve_amount,
        cast(call_count as bigint) as inbound_call_count,
        cast(abandoned_call_count as bigint) as abandoned_call_count,
        cast(satisfaction_score as bigint) as satisfaction_score_sum,
        cast(satisfaction_answer_count as bigint) as satisfaction_answer_count,
        cast(case_opened_count as bigint) as case_opened_count,
        cast(open_case_count as bigint) as open_case_count,
        '{{ var("currency_code") }}' as currency_code
    from filled
)

select * from branch_overview
order by business_date, branch_id, tier
