{#- The number, 0 to 255, that the first two digits of a hexadecimal text are. -#}
{% macro first_byte(hexadecimal) %}
    {{ return(adapter.dispatch('first_byte', 'passbook')(hexadecimal)) }}
{% endmacro %}

{% macro default__first_byte(hexadecimal) -%}
    cast('0x' || substr({{ hexadecimal }}, 1, 2) as integer)
{%- endmacro %}

{% macro spark__first_byte(hexadecimal) -%}
    cast(conv(substr({{ hexadecimal }}, 1, 2), 16, 10) as integer)
{%- endmacro %}
