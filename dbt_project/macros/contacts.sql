{#- A contact is followed for some days: whether another comes, or an answer. So what changes on a
    day reaches that far back, and is looked at with as much before it. -#}

{#- The first day of which everyone's contacts are computed again, as a literal. -#}
{% macro contacts_from() -%}
    {{- contact_days_before(changed_from()) -}}
{%- endmacro %}

{#- The first day of which any contact is computed again: those of customers with other records
    than the base had. -#}
{% macro contacts_earliest() -%}
    {{- contact_days_before(restated_earliest('customer', changed_from())) -}}
{%- endmacro %}

{#- The day that is looked back at from a day, and three more for what came on the day before
    or after the one that it is told on; none is before the first of all. -#}
{% macro contact_days_before(day) -%}
    {{- _day_of(
        "select greatest(date '0001-01-01', cast(" ~ day ~ ' - interval 1 day * (3 + greatest('
        ~ service_term('repeat_days') ~ ', ' ~ service_term('reply_days') ~ ')) as date))'
    ) -}}
{%- endmacro %}

{#- Whether a contact is computed again. -#}
{% macro is_contact_restated() -%}
    {%- if is_incremental() -%}
        (
            business_date >= {{ contacts_earliest() }}
            and (
                business_date >= {{ contacts_from() }}
                or {{ restated_key('customer') }} in (
                    {{ restated('customer', changed_from()) }}
                )
            )
        )
    {%- else -%}
        true
    {%- endif -%}
{%- endmacro %}

{#- Deletes the contacts that are computed again. -#}
{% macro forget_contacts() %}
    {{ forget_where(is_contact_restated()) }}
{% endmacro %}

{#- The calls and messages that the contacts which are computed again are computed from. -#}
{% macro restated_calls_and_messages() -%}
    select * from {{ ref('int_calls_and_messages') }}
    {%- if is_incremental() %}
        {%- set first_day = contact_days_before(contacts_from()) %}
        where business_date >= {{ first_day }}
    union all
    select * from {{ ref('int_calls_and_messages') }}
    where
        business_date >= {{ contact_days_before(contacts_earliest()) }}
        and business_date < {{ first_day }}
        and {{ _of_records('customer', changed_from()) }}
    {%- endif -%}
{%- endmacro %}
