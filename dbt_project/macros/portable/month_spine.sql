{#- A relation of one column, month_start: every month from the first date to the last. -#}
{% macro month_spine(first_date, last_date) %}
    {{ return(adapter.dispatch('month_spine', 'passbook')(first_date, last_date)) }}
{% endmacro %}

{% macro default__month_spine(first_date, last_date) -%}
    select cast(unnest(generate_series(
        date_trunc('month', {{ first_date }}), {{ last_date }}, interval 1 month
    )) as date) as month_start
{%- endmacro %}

{% macro spark__month_spine(first_date, last_date) -%}
    select explode(sequence(
        trunc({{ first_date }}, 'month'), {{ last_date }}, interval 1 month
    )) as month_start
{%- endmacro %}
