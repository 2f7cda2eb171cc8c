{#- A number of 64 bits that is another, all but surely, where any of the values is. It is
    compared within one engine only. -#}
{% macro fingerprint(values) %}
    {{ return(adapter.dispatch('fingerprint', 'passbook')(values)) }}
{% endmacro %}

{% macro default__fingerprint(values) -%}
    hash({{ values | join(', ') }})
{%- endmacro %}

{% macro spark__fingerprint(values) -%}
    xxhash64({{ values | join(', ') }})
{%- endmacro %}
