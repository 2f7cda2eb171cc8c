{#- In a select list: a row for each month from a date's to another's, by its first day. -#}
{% macro each_month(first_date, last_date) %}
    {{ return(adapter.dispatch('each_month', 'passbook')(first_date, last_date)) }}
{% endmacro %}

{% macro default__each_month(first_date, last_date) -%}
    cast(unnest(generate_series(
        date_trunc('month', cast({{ first_date }} as timestamp)),
        cast({{ last_date }} as timestamp), interval 1 month
    )) as date)
{%- endmacro %}

{% macro spark__each_month(first_date, last_date) -%}
    explode(sequence(
        trunc({{ first_date }}, 'month'), {{ last_date }}, interval 1 month
    ))
{%- endmacro %}
