{#- Columns that hold each measure of a relation against the same of a year before, whose
    row is joined as earlier: its value, and by how much of it this one differs. -#}
{% macro against_year_before(relation, measures) %}
    {%- for measure in measures %}
        earlier.{{ measure }} as year_before_{{ measure }},
        cast({{ relation }}.{{ measure }} as double)
        / nullif(cast(earlier.{{ measure }} as double), 0) - 1
            as {{ measure }}_change_ratio
        {{- "," if not loop.last }}
    {%- endfor %}
{% endmacro %}
