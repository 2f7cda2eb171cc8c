-- One row per scheme, segment and measure.
{%- set measures = [
    'age_years',
    'deposit_balance_amount',
    'loan_balance_amount',
    'product_kind_count',
    'trailing_contribution_amount',
    'card_purchase_amount',
    'interaction_count',
    'online_interaction_count',
    'cash_withdrawal_count',
    'call_count',
    'case_count',
    'satisfaction_average',
    'suitability_gap_number',
] %}
with segments as (
    select * from {{ ref('segments') }}
),

customers as (
    select * from {{ ref('customers') }}
),

-- Sums of decimals are the same in whatever order; averages of doubles are not.
sums as (
    select
        segments.scheme_code,
        segments.segment_code,
        count(*) as customer_count,
        {%- for measure in measures %}
            count(customers.{{ measure }}) as {{ measure }}_known,
            sum(cast(customers.{{ measure }} as decimal(18, 4))) as {{ measure }}_sum,
            sum(
                cast(customers.{{ measure }} as decimal(30, 4))
                * cast(customers.{{ measure }} as decimal(18, 4))
            ) as {{ measure }}_squares{% if not loop.last %},{% endif %}
        {%- endfor %}
    from segments
    inner join customers on segments.customer_key = customers.customer_key
    group by segments.scheme_code, segments.segment_code
),

by_measure as (
    {%- for measure in measures %}
        select
            scheme_code,
            segment_code,
            '{{ measure }}' as measure_code,
            customer_count,
            {{ measure }}_known as known_count,
            {{ measure }}_sum as total,
            {{ measure }}_squares as squares
        from sums
        {%- if not loop.last %}
            union all
        {%- endif %}
    {%- endfor %}
),

with_bank as (
    select
        by_measure.*,
        sum(known_count) over (partition by scheme_code, measure_code)
            as bank_known_count,
        sum(total) over (partition by scheme_code, measure_code) as bank_total,
        sum(squares) over (partition by scheme_code, measure_code) as bank_squares
    from by_measure
),

averaged as (
    select
        scheme_code,
        segment_code,
        measure_code,
        customer_count,
        known_count,
        cast(total as double) / nullif(known_count, 0) as segment_average,
        cast(bank_total as double) / nullif(bank_known_count, 0) as bank_average,
        cast(bank_squares as double) / nullif(bank_known_count, 0)
            as bank_square_average
    from with_bank
),

segment_profiles as (
    select
        scheme_code,
        segment_code,
        measure_code,
        cast(customer_count as bigint) as customer_count,
        cast(known_count as bigint) as known_count,
        segment_average,
        bank_average,
        segment_average / nullif(bank_average, 0) as lift_ratio,
        (segment_average - bank_average)
        / nullif(
            sqrt(greatest(bank_square_average - bank_average * bank_average, 0)), 0
        ) as effect_size
    from averaged
)

select * from segment_profiles
order by scheme_code, segment_code, measure_code
