{#- Whole seconds from the first timestamp to the second. -#}
{% macro seconds_between(first_time, last_time) %}
    {{ return(adapter.dispatch('seconds_between', 'passbook')(first_time, last_time)) }}
{% endmacro %}

{% macro default__seconds_between(first_time, last_time) -%}
    date_diff('second', {{ first_time }}, {{ last_time }})
{%- endmacro %}

{% macro spark__seconds_between(first_time, last_time) -%}
    (unix_timestamp({{ last_time }}) - unix_timestamp({{ first_time }}))
{%- endmacro %}
