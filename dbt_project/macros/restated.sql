{#- Months that are over are kept from one edition to the next. Computed again are those from
    ops.restated_from on, for everyone, and earlier ones of the accounts and customers whose own
    facts of then are other than when the base was built (ops.<kind>_fingerprints). -#}

{#- The first day from which on everything is computed again, as a literal: scans pass over
    what is older. Where there is no base, it is the first of all days. -#}
{% macro restated_from() -%}
    {{- _day_of('select from_month from ' ~ ref('restated_from')) -}}
{%- endmacro %}

{#- The first day that changed itself, for what goes by days. -#}
{% macro changed_from() -%}
    {{- _day_of('select from_date from ' ~ ref('restated_from')) -}}
{%- endmacro %}

{% macro _day_of(query) -%}
    {%- if is_incremental() -%}
        cast('{{ run_query(query).columns[0].values()[0] }}' as date)
    {%- else -%}
        date '0001-01-01'
    {%- endif -%}
{%- endmacro %}

{#- The column that names what a kind of fingerprint is of. -#}
{% macro key_of(kind) -%}
    {{- 'account_id' if kind == 'account' else 'customer_key' -}}
{%- endmacro %}

{#- Of the macros below, `start` is SQL for the day from which on everyone's is computed again;
    months go by restated_from(). -#}

{#- The accounts, or the customers, of which something before that day is computed again. -#}
{% macro restated(kind, start=none) -%}
    {%- set key = key_of(kind) -%}
    select {{ key }} from {{ ref(kind ~ '_fingerprints') }}
    where since_month < {{ start or restated_from() }}
{%- endmacro %}

{#- The first day of which anything is computed again, likewise a literal. -#}
{% macro restated_earliest(kind, start=none) -%}
    {{- _day_of(
        'select least(min(since_month), ' ~ (start or restated_from()) ~ ') from '
        ~ ref(kind ~ '_fingerprints')
    ) -}}
{%- endmacro %}

{#- The key of what is nobody's, where fingerprints have it as a customer, too. -#}
{% macro nobody() -%}
    'nobody'
{%- endmacro %}

{#- A key, or nobody's where there is none. -#}
{% macro known_customer(key) -%}
    coalesce({{ key }}, {{ nobody() }})
{%- endmacro %}

{#- The key of a row as fingerprints have it. -#}
{% macro restated_key(kind, relation=none) -%}
    {%- set key = (relation ~ '.' if relation else '') ~ key_of(kind) -%}
    {{- key if kind == 'account' else known_customer(key) -}}
{%- endmacro %}

{#- Whether a row is computed again: always where there is no base. No key is looked up where
    nobody is restated. -#}
{% macro is_restated(kind, day='month_start', start=none) -%}
    {%- if is_incremental() -%}
        {%- set first_day = start or restated_from() -%}
        {%- set earliest = restated_earliest(kind, first_day) -%}
        {%- if earliest == first_day -%}
            {{ day }} >= {{ first_day }}
        {%- else -%}
            (
                {{ day }} >= {{ earliest }}
                and (
                    {{ day }} >= {{ first_day }}
                    or {{ restated_key(kind) }} in ({{ restated(kind, first_day) }})
                )
            )
        {%- endif -%}
    {%- else -%}
        true
    {%- endif -%}
{%- endmacro %}

{#- Deletes the rows that are computed again. -#}
{% macro forget_restated(kind, day='month_start', start=none) %}
    {{ forget_where(is_restated(kind, day, start)) }}
{% endmacro %}

{#- Deletes all rows from a day on. -#}
{% macro forget_from(day, first_day) %}
    {{ forget_where(day ~ ' >= ' ~ first_day) }}
{% endmacro %}

{#- The rows of a relation that are computed again: from a day on everyone's, before it those
    of some; all where there is no base. Everyone's begin so many months earlier where months
    before are looked back at (a number, or SQL for one), and so do those of some; what stood
    before is needed `from_ever`. In two parts, each of which passes over most of what it
    scans; in one where nobody is restated. -#}
{% macro restated_where(
    relation, kind, some, day='month_start', months_earlier=none, from_ever=false, start=none
) -%}
    {%- if is_incremental() -%}
        {%- set start = start or restated_from() -%}
        {%- set first_day = _months_before(start, months_earlier) -%}
        {%- set earliest = _months_before(restated_earliest(kind, start), months_earlier) %}
        select * from {{ relation }}
        where {{ day }} >= {{ first_day }}
        {%- if earliest != first_day %}
        union all
        select * from {{ relation }}
        where
            {{ day }} < {{ first_day }}
            {%- if not from_ever %}
            and {{ day }} >= {{ earliest }}
            {%- endif %}
            and {{ some }}
        {%- endif %}
    {%- else -%}
        select * from {{ relation }}
    {%- endif -%}
{%- endmacro %}

{% macro _months_before(day, months) -%}
    {{- day if months is none else add_months(day, '-' ~ months) -}}
{%- endmacro %}

{#- The same of a relation by month and account, or customer. -#}
{% macro restated_rows(relation, kind, months_earlier=none) -%}
    {%- set some = key_of(kind) ~ ' in (' ~ restated(kind) ~ ')' -%}
    {{ restated_where(relation, kind, some, months_earlier=months_earlier) }}
{%- endmacro %}

{#- The same of a relation by month and account for what its owners are computed from: of an
    account that several own, rows of those that are kept are among them. -#}
{% macro restated_holdings(relation) -%}
    {%- set some -%}
        account_id in (
            select owners.account_id
            from {{ ref('int_account_owners') }} as owners
            where owners.customer_key in ({{ restated('customer') }})
        )
    {%- endset -%}
    {{ restated_where(relation, 'customer', some) }}
{%- endmacro %}

{#- The same of a relation that goes by records, for what their customers are computed from:
    the records that are now theirs. -#}
{% macro restated_records(relation, kind, day='month_start', start=none) -%}
    {{ restated_where(relation, kind, _of_records(kind, start), day, start=start) }}
{%- endmacro %}

{% macro _of_records(kind, start) -%}
    record_id in (
        select bridge.record_id
        from {{ source('identity', 'customer_identity') }} as bridge
        where {{ restated_key(kind, 'bridge') }} in ({{ restated(kind, start) }})
    )
{%- endmacro %}

{#- Since when a row's account or customer is computed again. -#}
{% macro restated_since(kind) -%}
    {%- if is_incremental() -%}
        case
            when {{ key_of(kind) }} in ({{ restated(kind) }})
                then {{ restated_earliest(kind) }}
            else {{ restated_from() }}
        end
    {%- else -%}
        date '0001-01-01'
    {%- endif -%}
{%- endmacro %}

{#- Of rows with fingerprints those that are not as the base has them, and those that were not
    last time: what is to be written into a table of fingerprints, with what became of each
    and the first month of which it is computed again. A key that is gone is told once more,
    without fingerprints.

    `columns` are what a row is told by, the first of them never null; `since` is SQL for the
    first month, of a row as `now` and as the base has it as `base`; of a key that is gone, and
    where there is no base, it is all months. `is_changed` says whether a row is computed again
    that is as the base has it. -#}
{% macro against_base(relation, key, columns, since, is_changed='false') -%}
    {%- if is_incremental() -%}
        select
            {{ key }},
            {{ columns | join(', ') }},
            change_code,
            case
                when change_code = 'gone' then date '0001-01-01'
                when change_code is not null then since_month
            end as since_month
        from (
            select
                coalesce(now.{{ key }}, base.{{ key }}) as {{ key }},
            {%- for column in columns %}
                now.{{ column }},
            {%- endfor %}
                case
                    when base.{{ key }} is null then 'new'
                    when now.{{ key }} is null and base.{{ columns[0] }} is null then null
                    when now.{{ key }} is null then 'gone'
                    when
                    {%- for column in columns %}
                        now.{{ column }} is distinct from base.{{ column }} or
                    {%- endfor %}
                        {{ is_changed }}
                        then 'changed'
                end as change_code,
                {{ since }} as since_month,
                base.change_code as earlier_change_code
            from {{ relation }} as now
            full join {{ this }} as base on now.{{ key }} = base.{{ key }}
        ) as compared
        where change_code is not null or earlier_change_code is not null
    {%- else -%}
        select
            {{ key }},
            {{ columns | join(', ') }},
            'new' as change_code,
            date '0001-01-01' as since_month
        from {{ relation }}
    {%- endif -%}
{%- endmacro %}

{#- Deletes what was gone last time already, and is told no more. -#}
{% macro forget_gone(column) -%}
    delete from {{ this }} where {{ column }} is null and change_code is null
{%- endmacro %}
