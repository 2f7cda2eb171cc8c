-- One row per business date with a balance or an interaction.
with interactions as (
    select * from {{ ref('interactions') }}
),

balance_periods as (
    select * from {{ ref('int_balance_periods') }}
),

accounts as (
    select * from {{ ref('int_accounts') }}
),

bridge as (
    select * from {{ source('identity', 'customer_identity') }}
),

channel_service as (
    select * from {{ ref('channel_service') }}
),

cases_log as (
    select * from {{ ref('int_cases_log') }}
),

daily_activity as (
    select
        interactions.business_date,
        count(distinct bridge.customer_key) as active_customer_count,
        count(*) as interaction_count,
        coalesce(
            sum(interactions.amount) filter (
                where interactions.direction_code = 'credit'
            ),
            0
        ) as credit_amount,
        coalesce(
            sum(interactions.amount) filter (
                where interactions.direction_code = 'debit'
            ),
            0
        ) as debit_amount
    from interactions
    left join bridge on interactions.record_id = bridge.record_id
    group by interactions.business_date
),

-- A balance comes on its first day and goes when the next one or the closing comes, so
-- that the movements up to a day add up to what stood at its end.
movements as (
    select
        account_id,
        first_date as business_date,
        balance_amount as moved_amount
    from balance_periods
    union all
    select
        account_id,
        end_date as business_date,
        -balance_amount as moved_amount
    from balance_periods
    where end_date <= {{ as_of() }}
),

daily_movements as (
    select
        movements.business_date,
        coalesce(
            sum(movements.moved_amount) filter (where accounts.side_code = 'deposit'),
            0
        ) as deposit_moved_amount,
        coalesce(
            sum(movements.moved_amount) filter (where accounts.side_code = 'loan'), 0
        ) as loan_moved_amount
    from movements
    inner join accounts on movements.account_id = accounts.account_id
    group by movements.business_date
),

daily_costs as (
    select
        business_date,
        sum(cost_to_serve_amount) as cost_to_serve_amount,
        sum(inbound_call_count) as inbound_call_count,
        sum(abandoned_call_count) as abandoned_call_count,
        sum(case_opened_count) as case_opened_count
    from channel_service
    group by business_date
),

case_spans as (
    select
        case_id,
        business_date,
        status_code,
        lag(status_code) over (
            partition by case_id
            order by business_date
        ) as earlier_status_code
    from cases_log
),

daily_cases as (
    select
        business_date,
        sum(
            case
                when
                    status_code = 'open' and coalesce(earlier_status_code, '') <> 'open'
                    then 1
                when status_code <> 'open' and earlier_status_code = 'open' then -1
                else 0
            end
        ) as open_case_moved_count
    from case_spans
    group by business_date
),

days as (
    select business_date from daily_activity
    union
    select business_date from daily_movements
    union
    select business_date from daily_cases
),

bank_overview as (
    select
        days.business_date,
        cast(coalesce(daily_activity.active_customer_count, 0) as bigint)
            as active_customer_count,
        cast(coalesce(daily_activity.interaction_count, 0) as bigint)
            as interaction_count,
        cast(coalesce(daily_activity.credit_amount, 0) as decimal(18, 2))
            as credit_amount,
        cast(coalesce(daily_activity.debit_amount, 0) as decimal(18, 2))
            as debit_amount,
        cast(
            sum(coalesce(daily_movements.deposit_moved_amount, 0)) over (
                order by days.business_date
            ) as decimal(18, 2)
        ) as deposit_balance_amount,
        cast(
            sum(coalesce(daily_movements.loan_moved_amount, 0)) over (
                order by days.business_date
            ) as decimal(18, 2)
        ) as loan_balance_amount,
        cast(coalesce(daily_costs.cost_to_serve_amount, 0) as decimal(18, 2))
            as cost_to_serve_amount,
        cast(coalesce(daily_costs.inbound_call_count, 0) as bigint)
            as inbound_call_count,
        cast(coalesce(daily_costs.abandoned_call_count, 0) as bigint)
            as abandoned_call_count,
        cast(coalesce(daily_costs.case_opened_count, 0) as bigint) as case_opened_count,
        cast(
            sum(coalesce(daily_cases.open_case_moved_count, 0)) over (
                order by days.business_date
            ) as bigint
        ) as open_case_count,
        '{{ var("currency_code") }}' as currency_code
    from days
    left join daily_activity on days.business_date = daily_activity.business_date
    left join daily_movements on days.business_date = daily_movements.business_date
    left join daily_costs on days.business_date = daily_costs.business_date
    left join daily_cases on days.business_date = daily_cases.business_date
)

select * from bank_overview
order by business_date
