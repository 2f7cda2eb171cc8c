{#- Joins the normalised form of an identifier column as `<kind>_of_<column>`. -#}
{% macro join_normalised(relation, column, kind, alias) -%}
    left join {{ source('identity', 'normalised_values') }} as {{ alias }}
        on
            {{ alias }}.identifier_kind = '{{ kind }}'
            and {{ alias }}.raw_value = {{ relation }}.{{ column }}
{%- endmacro %}
