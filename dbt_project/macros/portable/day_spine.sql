{#- A relation of one column, on_date: every day from the first to the last. -#}
{% macro day_spine(first_date, last_date) %}
    {{ return(adapter.dispatch('day_spine', 'passbook')(first_date, last_date)) }}
{% endmacro %}

{% macro default__day_spine(first_date, last_date) -%}
    select cast(unnest(generate_series(
        cast({{ first_date }} as timestamp), cast({{ last_date }} as timestamp),
        interval 1 day
    )) as date) as on_date
{%- endmacro %}

{% macro spark__day_spine(first_date, last_date) -%}
    select explode(sequence({{ first_date }}, {{ last_date }}, interval 1 day))
        as on_date
{%- endmacro %}
