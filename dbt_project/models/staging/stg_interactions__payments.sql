-- One row per payment of a changed day, in the columns of the timeline. A transfer that
-- pays what a standing order orders is one.
with payments as (
    select * from {{ ref('stg_online_banking__payments') }}
),

standing_order_days as (
    select * from {{ ref('stg_core_banking__standing_order_days') }}
),

payment_days as (
    select distinct business_date
    from payments
),

register_dates as (
    select distinct business_date
    from standing_order_days
),

-- The orders as they stood on the day of each payment, not as they stand now: so a day
-- that is built again gives the same rows.
register_days as (
    select
        payment_days.business_date,
        max(register_dates.business_date) as register_date
    from payment_days
    inner join register_dates
        on payment_days.business_date >= register_dates.business_date
    group by payment_days.business_date
),

ordered as (
    select distinct
        register_days.business_date,
        standing_order_days.account_id,
        standing_order_days.counterparty_account,
        standing_order_days.amount
    from register_days
    inner join standing_order_days
        on register_days.register_date = standing_order_days.business_date
),

classified as (
    select
        payments.* exclude (activity_code),
        case
            when
                payments.activity_code = 'transfer_out'
                and ordered.account_id is not null
                then 'standing_order'
            else payments.activity_code
        end as activity_code
    from payments
    left join ordered
        on
            payments.business_date = ordered.business_date
            and payments.account_id = ordered.account_id
            and payments.counterparty_account = ordered.counterparty_account
            and payments.amount = ordered.amount
),

interactions as (
    {{ interactions_of('classified', 'online_banking', 'payments', 'payment_id', {
        'occurred_at': 'occurred_at',
        'record_id': "coalesce('online_banking:login:' || login_id, 'core_banking:account:' || account_id)",
        'activity_code': 'activity_code',
        'amount': 'amount',
        'currency_code': 'currency_code',
        'account_id': 'account_id',
    }) }}
)

select * from interactions
