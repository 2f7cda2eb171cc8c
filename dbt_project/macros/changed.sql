{#- Deletes rows of what stands here from the candidate's base; without a base there are none. -#}
{% macro forget_where(condition) %}
    {% if is_incremental() %}
        delete from {{ this }} where {{ condition }}
    {% else %}
        select 1
    {% endif %}
{% endmacro %}

{#- Deletes the rows of partitions that changed since the candidate's base, so that what
    is appended next replaces them, also where nothing is left to append. Without a feed,
    the table says itself by channel and feed where each row is from; scans pass over what
    is older than the first of them. -#}
{% macro forget_changed(feed=none) %}
    {%- set changed = source('ops', 'changed_partitions') %}
    {%- set condition %}
        {%- if feed is none %}
            business_date >= (select min(business_date) from {{ changed }})
            and (channel, feed, business_date) in (
                select (channel, feed, business_date)
                from {{ changed }}
            )
        {%- else %}
            business_date in (
                select business_date
                from {{ changed }}
                where channel || '.' || feed = '{{ feed }}'
            )
        {%- endif %}
    {%- endset %}
    {{ forget_where(condition) }}
{% endmacro %}

{#- Days on which interactions changed, or are valued at a changed rate: from the rate's day,
    or from ever where it is the first, until the next rate. Balances and employees are no
    interactions, and a late one of them brings all later days along. -#}
{% macro changed_days() -%}
    select business_date
    from {{ source('ops', 'changed_partitions') }}
    where channel || '.' || feed not in ('core_banking.balances', 'core_banking.employees')
    union
    select days.on_date
    from {{ ref('int_exchange_days') }} as days
    inner join {{ source('ops', 'changed_partitions') }} as changed
        on changed.channel = 'core_banking' and changed.feed = 'exchange_rates'
    where
        days.on_date >= (
            select coalesce(max(rates.business_date), date '0001-01-01')
            from {{ ref('int_exchange_rates') }} as rates
            where rates.business_date < changed.business_date
        )
        and days.on_date <= (
            select coalesce(min(rates.business_date), date '9999-12-31')
            from {{ ref('int_exchange_rates') }} as rates
            where rates.business_date > changed.business_date
        )
{%- endmacro %}

{#- Months that have such a day. -#}
{% macro changed_months() -%}
    select {{ month_start('business_date') }} as month_start
    from ({{ changed_days() }}) as changed_days
{%- endmacro %}

{#- The interactions of such months. Scans pass over what is older than the first of them. -#}
{% macro interactions_of_changed_months() -%}
    select * from {{ ref('interactions') }}
    {%- if is_incremental() %}
        where
            business_date >= (
                select min(first_days.month_start) from ({{ changed_months() }}) as first_days
            )
            and {{ month_start('business_date') }} in ({{ changed_months() }})
    {%- endif -%}
{%- endmacro %}

{#- Deletes the rows of days that are computed again. -#}
{% macro forget_changed_days() %}
    {{ forget_where('business_date in (' ~ changed_days() ~ ')') }}
{% endmacro %}

{#- Deletes the rows of months that are computed again. -#}
{% macro forget_changed_months() %}
    {{ forget_where('month_start in (' ~ changed_months() ~ ')') }}
{% endmacro %}
