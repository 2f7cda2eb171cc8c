-- One row per customer: a fingerprint of its records, of the accounts that it owns and
-- of the basics that its months tell, and whether that is other than the base's.
{{
    config(
        materialized='incremental',
        incremental_strategy='delete+insert',
        on_schema_change='fail',
        unique_key='customer_key',
        post_hook="{{ forget_gone() }}"
    )
}}

with known as (
    select * from {{ ref('int_customers_known') }}
),

bridge as (
    select * from {{ source('identity', 'customer_identity') }}
    where customer_key is not null
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

records as (
    select
        customer_key,
        bit_xor({{ fingerprint(['record_id']) }}) as fingerprint
    from bridge
    group by customer_key
),

holdings as (
    select
        account_owners.customer_key,
        bit_xor(
            {{ fingerprint([
                'account_owners.account_id',
                'account_owners.owner_share_ratio',
                'account_fingerprints.fingerprint',
            ]) }}
        ) as fingerprint
    from account_owners
    left join account_fingerprints
        on account_owners.account_id = account_fingerprints.account_id
    group by account_owners.customer_key
),

fingerprints as (
    select
        known.customer_key,
        {{ fingerprint([
            'known.first_month',
            'records.fingerprint',
            'holdings.fingerprint',
            'basics.birth_date',
            'basics.risk_level_code',
            'basics.risk_assessed_date',
        ]) }} as fingerprint
    from known
    left join records on known.customer_key = records.customer_key
    left join holdings on known.customer_key = holdings.customer_key
    left join basics on known.customer_key = basics.customer_key
),

customer_fingerprints as (
    {{ against_base('fingerprints', 'customer_key') }}
)

select * from customer_fingerprints
