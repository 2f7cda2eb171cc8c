{% macro generate_schema_name(custom_schema_name, node) -%}
    {#- A schema has the same name for everyone: analysts type it. -#}
    {{ custom_schema_name or target.schema }}
{%- endmacro %}
