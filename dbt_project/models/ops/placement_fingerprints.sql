-- One row per customer: a fingerprint of its branch and its tiers, and since when they,
-- or what the customer's months are computed from, are other than the base's.
{{
    config(
        materialized='incremental',
        incremental_strategy='delete+insert',
        on_schema_change='fail',
        unique_key='customer_key',
        post_hook="{{ forget_gone('places_fingerprint') }}"
    )
}}

with places as (
    select * from {{ ref('int_customer_places') }}
),

customer_fingerprints as (
    select * from {{ ref('customer_fingerprints') }}
),

placements as (
    select
        customer_key,
        min(valid_from) as first_date,
        bit_xor(
            {{ fingerprint(['branch_id', 'tier', 'valid_from', 'valid_to']) }}
        ) as fingerprint
    from places
    group by customer_key
),

fingerprints as (
    select
        customer_fingerprints.customer_key,
        coalesce(placements.fingerprint, 0) as places_fingerprint,
        placements.first_date,
        customer_fingerprints.since_month
    from customer_fingerprints
    left join placements
        on customer_fingerprints.customer_key = placements.customer_key
    where customer_fingerprints.change_code is distinct from 'gone'
),

placement_fingerprints as (
    {{ against_base(
        'fingerprints',
        'customer_key',
        ['places_fingerprint'],
        since="case
            when base.customer_key is null
                then least(" ~ month_start('now.first_date') ~ ", now.since_month)
            when now.places_fingerprint is distinct from base.places_fingerprint
                then date '0001-01-01'
            else now.since_month
        end",
        is_changed='now.since_month is not null'
    ) }}
)

select * from placement_fingerprints
