{#- The bank's local date of a UTC timestamp. -#}
{% macro local_date(column) %}
    {{ return(adapter.dispatch('local_date', 'passbook')(column)) }}
{% endmacro %}

{% macro default__local_date(column) -%}
    cast(timezone('{{ var("timezone") }}', timezone('UTC', {{ column }})) as date)
{%- endmacro %}

{% macro spark__local_date(column) -%}
    cast(from_utc_timestamp({{ column }}, '{{ var("timezone") }}') as date)
{%- endmacro %}
