-- One row per scheme, segment and subject that customers of the bank turn to it with.
with segments as (
    select * from {{ ref('segments') }}
),

record_months as (
    select * from {{ ref('int_record_months') }}
    where
        activity_code in ('call', 'case_opened') and category_code is not null
),

terms as (
    select * from {{ ref('segment_terms') }}
    where {{ as_of() }} >= valid_from and {{ as_of() }} < valid_to
),

bridge as (
    select * from {{ source('identity', 'customer_identity') }}
    where customer_key is not null
),

asked as (
    select distinct
        bridge.customer_key,
        record_months.activity_code,
        record_months.category_code
    from record_months
    inner join terms
        on
            record_months.month_start
            > {{ add_months(month_start(as_of()), '-terms.trailing_months') }}
    inner join bridge on record_months.record_id = bridge.record_id
),

sizes as (
    select
        scheme_code,
        segment_code,
        count(*) as customer_count
    from segments
    group by scheme_code, segment_code
),

counted as (
    select
        segments.scheme_code,
        segments.segment_code,
        asked.activity_code,
        asked.category_code,
        count(*) as asking_count
    from asked
    inner join segments on asked.customer_key = segments.customer_key
    group by
        segments.scheme_code,
        segments.segment_code,
        asked.activity_code,
        asked.category_code
),

with_bank as (
    select
        counted.*,
        sizes.customer_count,
        sum(counted.asking_count) over (
            partition by
                counted.scheme_code, counted.activity_code, counted.category_code
        ) as bank_asking_count
    from counted
    inner join sizes
        on
            counted.scheme_code = sizes.scheme_code
            and counted.segment_code = sizes.segment_code
),

bank as (
    select count(distinct customer_key) as bank_customer_count
    from segments
),

segment_needs as (
    select
        with_bank.scheme_code,
        with_bank.segment_code,
        with_bank.activity_code,
        with_bank.category_code,
        cast(with_bank.asking_count as bigint) as asking_count,
        cast(with_bank.customer_count as bigint) as customer_count,
        with_bank.asking_count / cast(with_bank.customer_count as double)
            as asking_ratio,
        with_bank.bank_asking_count / cast(bank.bank_customer_count as double)
            as bank_asking_ratio,
        (with_bank.asking_count / cast(with_bank.customer_count as double))
        / (with_bank.bank_asking_count / cast(bank.bank_customer_count as double))
            as lift_ratio
    from with_bank
    cross join bank
)

select * from segment_needs
order by scheme_code, segment_code, activity_code, category_code
