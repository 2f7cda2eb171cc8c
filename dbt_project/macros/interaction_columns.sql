{#- The columns of the timeline, in order: every feed's part of it selects just these. -#}
{% macro interaction_columns() %}
    {{ return([
        "interaction_id", "channel", "feed", "business_date", "occurred_at", "record_id",
        "activity_code", "outcome_code", "category_code", "amount", "currency_code",
        "account_id", "employee_id", "wait_seconds", "duration_seconds",
        "satisfaction_score"
    ]) }}
{% endmacro %}

{#- Selects one feed's part of the timeline; what the feed does not tell is null. -#}
{% macro interactions_of(relation, channel, feed, id, values) %}
    {%- set types = {
        "amount": "decimal(18,2)", "wait_seconds": "bigint",
        "duration_seconds": "bigint", "satisfaction_score": "bigint"
    } -%}
    select
        '{{ channel }}:{{ feed }}:' || {{ id }} as interaction_id,
        '{{ channel }}' as channel,
        '{{ feed }}' as feed,
        business_date,
    {%- for column in interaction_columns()[4:] %}
        cast({{ values.get(column, "null") }} as
            {{- " " ~ types.get(column, "timestamp" if column.endswith("_at") else "varchar") }}) as {{ column }}
        {{- "," if not loop.last }}
    {%- endfor %}
    from {{ relation }}
{% endmacro %}
