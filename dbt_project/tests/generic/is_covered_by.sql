{% test is_covered_by(model, column, other, other_column) %}
select distinct here.{{ column }}
from {{ model }} as here
left join {{ other }} as there
    on here.{{ column }} = there.{{ other_column }}
where here.{{ column }} is not null and there.{{ other_column }} is null
{% endtest %}
