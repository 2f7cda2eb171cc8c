{#- Deletes the rows of partitions that changed since the candidate's base, so that what
    is appended next replaces them, also where nothing is left to append. Without a feed,
    the table says itself by channel and feed where each row is from. -#}
{% macro forget_changed(feed=none) %}
    {% if not is_incremental() %}
        select 1
    {% elif feed is none %}
        delete from {{ this }}
        where (channel, feed, business_date) in (
            select (channel, feed, business_date)
            from {{ source('ops', 'changed_partitions') }}
        )
    {% else %}
        delete from {{ this }}
        where business_date in (
            select business_date
            from {{ source('ops', 'changed_partitions') }}
            where channel || '.' || feed = '{{ feed }}'
        )
    {% endif %}
{% endmacro %}

{#- Months that have a changed partition. -#}
{% macro changed_months() -%}
    select {{ month_start('business_date') }}
    from {{ source('ops', 'changed_partitions') }}
{%- endmacro %}

{#- Deletes the rows of months that are computed again. -#}
{% macro forget_changed_months() %}
    {% if is_incremental() %}
        delete from {{ this }} where month_start in ({{ changed_months() }})
    {% else %}
        select 1
    {% endif %}
{% endmacro %}
