-- One row per customer: every key that the bridge leads to, and since when it is known.
with bridge as (
    select * from {{ source('identity', 'customer_identity') }}
    where customer_key is not null
),

records_seen as (
    select * from {{ ref('int_records_seen') }}
),

first_months as (
    select
        record_id,
        min(month_start) as first_month
    from records_seen
    group by record_id
),

account_owners as (
    select * from {{ ref('int_account_owners') }}
),

account_starts as (
    select * from {{ ref('int_account_starts') }}
),

balance_first_months as (
    select
        account_owners.customer_key,
        min(account_starts.first_month) as first_month
    from account_owners
    inner join account_starts on account_owners.account_id = account_starts.account_id
    group by account_owners.customer_key
),

contact_first_months as (
    select
        bridge.customer_key,
        count(*) as record_count,
        min(first_months.first_month) as first_month
    from bridge
    left join first_months on bridge.record_id = first_months.record_id
    group by bridge.customer_key
),

customers_known as (
    select
        contact_first_months.customer_key,
        contact_first_months.record_count,
        least(
            coalesce(contact_first_months.first_month, {{ month_start(as_of()) }}),
            coalesce(balance_first_months.first_month, {{ month_start(as_of()) }})
        ) as first_month
    from contact_first_months
    left join balance_first_months
        on contact_first_months.customer_key = balance_first_months.customer_key
)

select * from customers_known
