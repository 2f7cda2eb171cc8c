-- One row per customer: fingerprints of what its months are computed from, and since
-- when that is other than the base's. Nobody is a customer, too, with what is nobody's.
{{
    config(
        materialized='incremental',
        incremental_strategy='delete+insert',
        on_schema_change='fail',
        unique_key='customer_key',
        post_hook="{{ forget_gone('first_month') }}"
    )
}}

with known as (
    select * from {{ ref('int_customers_known') }}
),

moved_records as (
    select * from {{ source('identity', 'moved_records') }}
),

records_seen as (
    select * from {{ ref('int_records_seen') }}
),

cases_log as (
    select * from {{ ref('int_cases_log') }}
),

accounts as (
    select * from {{ ref('int_accounts') }}
),

account_owners as (
    select * from {{ ref('int_account_owners') }}
),

account_fingerprints as (
    select * from {{ ref('account_fingerprints') }}
),

basics as (
    select * from {{ ref('int_customer_basics') }}
),

everyone as (
    select
        customer_key,
        first_month
    from known
    union all
    select
        {{ nobody() }} as customer_key,
        date '0001-01-01' as first_month
),

owners as (
    select
        account_id,
        customer_key,
        owner_share_ratio
    from account_owners
    union all
    select
        account_id,
        {{ nobody() }} as customer_key,
        1.0 as owner_share_ratio
    from accounts
    where account_id not in (select account_owners.account_id from account_owners)
),

-- An account that is new comes with its own first month.
holdings as (
    select
        owners.customer_key,
        bit_xor({{ fingerprint(['owners.account_id', 'owners.owner_share_ratio']) }})
            as fingerprint,
        coalesce(
            bit_xor(
                {{ fingerprint(['owners.account_id', 'owners.owner_share_ratio']) }}
            ) filter (where account_fingerprints.change_code is distinct from 'new'), 0
        ) as earlier_fingerprint,
        min(account_fingerprints.since_month) as since_month
    from owners
    left join account_fingerprints
        on owners.account_id = account_fingerprints.account_id
    group by owners.customer_key
),

-- What a record that moves takes along begins with what it told first.
told_months as (
    select
        record_id,
        month_start
    from records_seen
    where record_id in (select moved_records.record_id from moved_records)
    union all
    select
        record_id,
        {{ month_start('business_date') }} as month_start
    from cases_log
    where record_id in (select moved_records.record_id from moved_records)
),

-- A record moves to one customer and from another.
moves as (
    select
        record_id,
        {{ known_customer('customer_key') }} as customer_key
    from moved_records
    union all
    select
        record_id,
        {{ known_customer('earlier_key') }} as customer_key
    from moved_records
),

moved as (
    select
        moves.customer_key,
        min(told_months.month_start) as since_month
    from moves
    inner join told_months on moves.record_id = told_months.record_id
    group by moves.customer_key
),

fingerprints as (
    select
        everyone.customer_key,
        everyone.first_month,
        {{ fingerprint([
            'basics.birth_date', 'basics.risk_level_code', 'basics.risk_assessed_date'
        ]) }} as basics_fingerprint,
        coalesce(holdings.fingerprint, 0) as holdings_fingerprint,
        coalesce(holdings.earlier_fingerprint, 0) as earlier_holdings_fingerprint,
        least(holdings.since_month, moved.since_month) as since_month
    from everyone
    left join holdings on everyone.customer_key = holdings.customer_key
    left join basics on everyone.customer_key = basics.customer_key
    left join moved on everyone.customer_key = moved.customer_key
),

customer_fingerprints as (
    {{ against_base(
        'fingerprints',
        'customer_key',
        ['first_month', 'basics_fingerprint', 'holdings_fingerprint'],
        since="case
            when
                now.earlier_holdings_fingerprint <> coalesce(base.holdings_fingerprint, 0)
                or (
                    base.customer_key is not null
                    and now.basics_fingerprint is distinct from base.basics_fingerprint
                )
                then date '0001-01-01'
            when now.first_month is distinct from base.first_month
                then least(now.first_month, base.first_month, now.since_month)
            else now.since_month
        end",
        is_changed='now.since_month is not null'
    ) }}
)

select * from customer_fingerprints
