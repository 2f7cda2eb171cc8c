{#- The sum of a column over some rows, 0 where there are none. Widths are given, for what
    is summed up would else be read and added ten times as slowly; 18 digits, four of them
    after the point, hold a hundred trillion. -#}
{% macro number_of(column, rows) -%}
    cast(coalesce(sum({{ column }}) filter (where {{ rows }}), 0) as bigint)
{%- endmacro %}

{% macro amount_of(column, rows) -%}
    cast(coalesce(sum({{ column }}) filter (where {{ rows }}), 0) as decimal(18, 4))
{%- endmacro %}
