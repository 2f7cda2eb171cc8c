{#- Of each key every day has one row from the first on, and no cell of it is blank but where
    one may be: in a key, or in a column that is named. -#}
{% test has_whole_periods(model, columns, may_be_blank=[]) %}
{#- The project is not known before all of it is parsed. -#}
{%- set seeds = graph.nodes.values() | selectattr('resource_type', 'equalto', 'seed')
    if execute else [] %}
{%- set told = seeds | selectattr('name', 'equalto', model.identifier)
    | map(attribute='columns') | first %}
with followed as (
    select
        *,
        lead(valid_from) over (
            {{ "partition by " ~ columns | join(', ') if columns }}
            order by valid_from
        ) as next_from
    from {{ model }}
)

select *
from followed
where
    valid_from >= valid_to
    or coalesce(next_from <> valid_to, false)
    {%- for column in told if column not in columns and column not in may_be_blank %}
    or {{ column }} is null
    {%- endfor %}
{% endtest %}
