{#- The business date that the edition stands at. -#}
{% macro as_of() -%}
    cast('{{ var("as_of_date") }}' as date)
{%- endmacro %}
