{#- A relation of one column, number: 1 to a last number. -#}
{% macro number_spine(last_number) %}
    {{ return(adapter.dispatch('number_spine', 'passbook')(last_number)) }}
{% endmacro %}

{% macro default__number_spine(last_number) -%}
    select unnest(generate_series(1, {{ last_number }})) as number
{%- endmacro %}

{% macro spark__number_spine(last_number) -%}
    select explode(sequence(1, {{ last_number }})) as number
{%- endmacro %}
