{#- A date moved by whole months. -#}
{% macro add_months(date_value, months) %}
    {{ return(adapter.dispatch('add_months', 'passbook')(date_value, months)) }}
{% endmacro %}

{% macro default__add_months(date_value, months) -%}
    cast({{ date_value }} + to_months({{ months }}) as date)
{%- endmacro %}

{% macro spark__add_months(date_value, months) -%}
    add_months({{ date_value }}, {{ months }})
{%- endmacro %}
