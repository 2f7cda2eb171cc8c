-- One row per customer and scheme.
with customers as (
    select * from {{ ref('customers') }}
),

years as (
    select * from {{ ref('int_customer_years') }}
),

holdings as (
    select * from {{ ref('int_customer_holdings') }}
),

bands as (
    select * from {{ ref('rfm_bands') }}
    where {{ as_of() }} >= valid_from and {{ as_of() }} < valid_to
),

rfm_segments as (
    select * from {{ ref('rfm_segments') }}
),

life_stages as (
    select * from {{ ref('life_stages') }}
),

product_mixes as (
    select * from {{ ref('product_mixes') }}
),

segment_names as (
    select * from {{ ref('segment_names') }}
),

terms as (
    select * from {{ ref('segment_terms') }}
    where {{ as_of() }} >= valid_from and {{ as_of() }} < valid_to
),

measured as (
    select
        customers.customer_key,
        customers.age_years,
        customers.recency_days,
        -- The first transaction repeats nothing.
        greatest(coalesce(years.transaction_count, 0) - 1, 0) as repeat_count,
        coalesce(years.debit_amount, 0) as debit_amount,
        coalesce(years.interaction_count, 0) as interaction_count,
        years.top_channel,
        years.top_channel_count,
        terms.preferred_channel_ratio,
        holdings.product_kinds,
        coalesce(holdings.has_deposits, false) as has_deposits,
        coalesce(holdings.has_investments, false) as has_investments,
        coalesce(holdings.has_borrowing, false) as has_borrowing
    from customers
    cross join terms
    left join years on customers.customer_key = years.customer_key
    left join holdings on customers.customer_key = holdings.customer_key
),

scored as (
    select
        measured.customer_key,
        measured.recency_days,
        measured.repeat_count,
        measured.debit_amount,
        coalesce(recency.score, 1) as recency_score,
        frequency.score as frequency_score,
        monetary.score as monetary_score
    from measured
    left join bands as recency
        on
            recency.measure_code = 'recency'
            and measured.recency_days >= recency.from_value
            and coalesce(measured.recency_days < recency.to_value, true)
    left join bands as frequency
        on
            frequency.measure_code = 'frequency'
            and measured.repeat_count >= frequency.from_value
            and coalesce(measured.repeat_count < frequency.to_value, true)
    left join bands as monetary
        on
            monetary.measure_code = 'monetary'
            and measured.debit_amount >= monetary.from_value
            and coalesce(measured.debit_amount < monetary.to_value, true)
),

scores as (
    {{ number_spine(5) }}
),

-- The rules are tried once for each of 125 combinations, not for each customer.
grid as (
    select
        recency.number as recency_score,
        frequency.number as frequency_score,
        monetary.number as monetary_score,
        rfm_segments.segment_code
    from scores as recency
    cross join scores as frequency
    cross join scores as monetary
    inner join rfm_segments
        on
            recency.number >= rfm_segments.least_recency
            and recency.number <= rfm_segments.most_recency
            and frequency.number >= rfm_segments.least_frequency
            and frequency.number <= rfm_segments.most_frequency
            and monetary.number >= rfm_segments.least_monetary
            and monetary.number <= rfm_segments.most_monetary
    qualify
        row_number() over (
            partition by recency.number, frequency.number, monetary.number
            order by rfm_segments.priority
        ) = 1
),

by_rfm as (
    select
        scored.customer_key,
        'rfm' as scheme_code,
        grid.segment_code,
        coalesce('seen ' || scored.recency_days || ' days ago', 'not seen lately')
        || ' (' || scored.recency_score || '), '
        || scored.repeat_count || ' repeats (' || scored.frequency_score || '), '
        || cast(scored.debit_amount as decimal(18, 2))
        || ' spent (' || scored.monetary_score || ')' as evidence
    from scored
    inner join grid
        on
            scored.recency_score = grid.recency_score
            and scored.frequency_score = grid.frequency_score
            and scored.monetary_score = grid.monetary_score
),

by_life_stage as (
    select
        measured.customer_key,
        'life_stage' as scheme_code,
        coalesce(life_stages.segment_code, 'unknown') as segment_code,
        coalesce('age ' || measured.age_years, 'no date of birth') as evidence
    from measured
    left join life_stages
        on
            measured.age_years >= life_stages.from_age_years
            and coalesce(measured.age_years < life_stages.to_age_years, true)
),

by_channel as (
    select
        customer_key,
        'channel_preference' as scheme_code,
        case
            when interaction_count = 0 then 'none'
            when top_channel_count >= interaction_count * preferred_channel_ratio
                then top_channel
            else 'mixed'
        end as segment_code,
        coalesce(
            top_channel_count || ' of ' || interaction_count || ' interactions in '
            || top_channel, 'no interaction'
        ) as evidence
    from measured
),

by_product_mix as (
    select
        measured.customer_key,
        'product_mix' as scheme_code,
        product_mixes.segment_code,
        coalesce(measured.product_kinds, 'no open account') as evidence
    from measured
    inner join product_mixes
        on
            measured.has_deposits = product_mixes.has_deposits
            and measured.has_investments = product_mixes.has_investments
            and measured.has_borrowing = product_mixes.has_borrowing
),

assigned as (
    select * from by_rfm
    union all
    select * from by_life_stage
    union all
    select * from by_channel
    union all
    select * from by_product_mix
),

segments as (
    select
        assigned.customer_key,
        assigned.scheme_code,
        assigned.segment_code,
        segment_names.segment_name_en,
        segment_names.segment_name_zh,
        assigned.evidence
    from assigned
    left join segment_names
        on
            assigned.scheme_code = segment_names.scheme_code
            and assigned.segment_code = segment_names.segment_code
)

select * from segments
