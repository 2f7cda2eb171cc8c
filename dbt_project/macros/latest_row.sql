{#- Keeps one row a key of a partition: the last line of the file that has it. -#}
{% macro latest_row(key) -%}
    qualify
        row_number() over (
            partition by business_date, {{ key }}
            order by source_line desc, source_file desc
        ) = 1
{%- endmacro %}
