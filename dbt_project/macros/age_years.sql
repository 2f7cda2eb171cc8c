{#- Whole years from a date of birth to a day. -#}
{% macro age_years(birth_date, on_date) -%}
    cast(
        extract(year from {{ on_date }}) - extract(year from {{ birth_date }})
        - case
            when
                extract(month from {{ birth_date }}) * 100
                + extract(day from {{ birth_date }})
                > extract(month from {{ on_date }}) * 100
                + extract(day from {{ on_date }})
                then 1
            else 0
        end as integer
    )
{%- endmacro %}
