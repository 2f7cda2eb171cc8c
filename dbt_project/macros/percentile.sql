{#- The value below which a share of the values of a column lie, between two of them where
    it falls so. -#}
{% macro percentile(column, share) -%}
    percentile_cont({{ share }}) within group (order by {{ column }})
{%- endmacro %}
