{#- The hour, 0 to 23, on the bank's clock at a UTC timestamp. -#}
{% macro local_hour(column) %}
    {{ return(adapter.dispatch('local_hour', 'passbook')(column)) }}
{% endmacro %}

{% macro default__local_hour(column) -%}
    hour(timezone('{{ var("timezone") }}', timezone('UTC', {{ column }})))
{%- endmacro %}

{% macro spark__local_hour(column) -%}
    hour(from_utc_timestamp({{ column }}, '{{ var("timezone") }}'))
{%- endmacro %}
