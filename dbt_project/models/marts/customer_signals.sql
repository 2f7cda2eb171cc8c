-- One row per customer, signal and subject that the signal is raised for.
{%- set parts = [
    'int_signals_attrition', 'int_signals_forecast', 'int_signals_accounts',
    'int_signals_behaviour', 'int_signals_products',
] %}
with raised as (
    {%- for part in parts %}
        select
            customer_key,
            signal_code,
            subject,
            score,
            evidence
        from {{ ref(part) }}
        {{- "\n        union all" if not loop.last }}
    {%- endfor %}
),

signal_names as (
    select * from {{ ref('signal_names') }}
),

customer_signals as (
    select
        raised.customer_key,
        raised.signal_code,
        signal_names.signal_name_en,
        signal_names.signal_name_zh,
        signal_names.is_warning,
        raised.subject,
        cast(raised.score as double) as score,
        raised.evidence,
        {{ as_of() }} as signal_date
    from raised
    left join signal_names on raised.signal_code = signal_names.signal_code
)

select * from customer_signals
order by customer_key, signal_code, subject
