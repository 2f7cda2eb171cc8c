-- One row per customer with a tier: a fingerprint of it, its branch and its tiers, and
-- whether that is other than the base's.
{{
    config(
        materialized='incremental',
        incremental_strategy='delete+insert',
        on_schema_change='fail',
        unique_key='customer_key',
        post_hook="{{ forget_gone() }}"
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
        bit_xor(
            {{ fingerprint(['branch_id', 'tier', 'valid_from', 'valid_to']) }}
        ) as fingerprint
    from places
    group by customer_key
),

fingerprints as (
    select
        placements.customer_key,
        {{ fingerprint([
            'placements.fingerprint', 'customer_fingerprints.fingerprint'
        ]) }} as fingerprint
    from placements
    left join customer_fingerprints
        on placements.customer_key = customer_fingerprints.customer_key
),

placement_fingerprints as (
    {{ against_base('fingerprints', 'customer_key') }}
)

select * from placement_fingerprints
