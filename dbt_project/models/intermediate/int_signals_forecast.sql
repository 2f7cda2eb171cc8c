-- One row per customer that the bank's attrition model, where it has one, expects to
-- leave: by its figures at the end of the last whole month.
with attrition_model as (
    select * from {{ source('ops', 'attrition_model') }}
),

attrition_terms as (
    select * from {{ source('ops', 'attrition_terms') }}
),

latest as (
    select * from {{ ref('int_attrition_features') }}
    where
        month_start = {{ add_months(
            month_start("cast(" ~ as_of() ~ " + interval 1 day as date)"), -1
        ) }}
),

measured as (
    {%- for feature, its in attrition_features().items() %}
        select
            customer_key,
            as_of_date,
            '{{ feature }}' as feature_code,
            '{{ its.words }}' as feature_name,
            {{ feature }} as feature_value,
            {{ {
                'exp': 'exp(' ~ feature ~ ')', 'expm1': 'exp(' ~ feature ~ ') - 1',
            }.get(its.told, feature) }} as told_value
        from latest
        {{- "\n        union all" if not loop.last }}
    {%- endfor %}
),

weighed as (
    select
        measured.customer_key,
        measured.as_of_date,
        measured.feature_code,
        measured.feature_name,
        measured.told_value,
        attrition_model.coefficient
        * (measured.feature_value - attrition_model.mean_value)
        / attrition_model.scale_value as weight
    from measured
    inner join attrition_model
        on measured.feature_code = attrition_model.feature_code
),

-- Decimal before it is summed up: doubles add up otherwise in another order.
scored as (
    select
        customer_key,
        any_value(as_of_date) as as_of_date,
        cast(sum(cast(weight as decimal(28, 12))) as double) as weight
    from weighed
    group by customer_key
),

forecast as (
    select
        scored.customer_key,
        scored.as_of_date,
        attrition_terms.model_version,
        attrition_terms.horizon_months,
        attrition_terms.alarm_probability,
        1 / (1 + exp(-(attrition_terms.intercept + scored.weight))) as probability
    from scored
    cross join attrition_terms
),

alarming as (
    select * from forecast
    where probability >= alarm_probability
),

raising as (
    select
        weighed.customer_key,
        weighed.feature_name || ' ' || round(weighed.told_value, 2) || ' (odds x '
        || round(exp(weighed.weight), 2) || ')' as reason,
        row_number() over (
            partition by weighed.customer_key
            order by weighed.weight desc, weighed.feature_code asc
        ) as reason_number
    from weighed
    inner join alarming on weighed.customer_key = alarming.customer_key
    where weighed.weight > 0
),

reasons as (
    select
        customer_key,
        max(case when reason_number = 1 then reason end)
        || coalesce('; ' || max(case when reason_number = 2 then reason end), '')
        || coalesce('; ' || max(case when reason_number = 3 then reason end), '')
            as reasons
    from raising
    where reason_number <= 3
    group by customer_key
),

signals_forecast as (
    select
        alarming.customer_key,
        'attrition_forecast' as signal_code,
        'deposits' as subject,
        alarming.probability as score,
        'at ' || alarming.as_of_date || ' a chance of '
        || cast(round(100 * alarming.probability) as integer)
        || ' % to leave within ' || alarming.horizon_months || ' months (model '
        || alarming.model_version || ')' || coalesce(': ' || reasons.reasons, '')
            as evidence
    from alarming
    left join reasons on alarming.customer_key = reasons.customer_key
)

select * from signals_forecast
