{% test has_whole_periods(model, columns) %}
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
where valid_from >= valid_to or coalesce(next_from <> valid_to, false)
{% endtest %}
