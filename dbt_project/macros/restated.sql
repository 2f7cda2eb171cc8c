{#- Months that are over are kept from one edition to the next. Computed again are those from
    ops.restated_from on, for everyone, and all of the accounts and customers whose own facts
    are other than when the base was built (ops.<kind>_fingerprints). -#}

{#- The first day from which on everything is computed again, as a literal: scans pass over
    what is older. -#}
{% macro restated_from() -%}
    {%- set found = run_query('select from_month from ' ~ ref('restated_from')) -%}
    cast('{{ found.columns[0].values()[0] }}' as date)
{%- endmacro %}

{#- The column that names what a kind of fingerprint is of. -#}
{% macro key_of(kind) -%}
    {{- 'account_id' if kind == 'account' else 'customer_key' -}}
{%- endmacro %}

{#- The accounts, or the customers, of which everything is computed again. -#}
{% macro restated(kind) -%}
    {%- set key = key_of(kind) -%}
    select {{ key }} from {{ ref(kind ~ '_fingerprints') }}
    where is_restated
{%- endmacro %}

{#- Whether a row is computed again: always where there is no base, or the row is nobody's. -#}
{% macro is_restated(kind, day='month_start') -%}
    {%- set key = key_of(kind) -%}
    {%- if is_incremental() -%}
        (
            {{ day }} >= {{ restated_from() }}
            or {{ key }} is null
            or {{ key }} in ({{ restated(kind) }})
        )
    {%- else -%}
        true
    {%- endif -%}
{%- endmacro %}

{#- Deletes the rows that are computed again. -#}
{% macro forget_restated(kind, day='month_start') %}
    {% if is_incremental() %}
        delete from {{ this }} where {{ is_restated(kind, day) }}
    {% else %}
        select 1
    {% endif %}
{% endmacro %}

{#- The rows of a relation that are computed again: from a day on everyone's, before it those
    of some; all where there is no base. Everyone's begin so many months earlier where months
    before are looked back at (a number, or SQL for one). In two parts, each of which passes
    over most of what it scans. -#}
{% macro restated_where(relation, some, day='month_start', months_earlier=none) -%}
    {%- if is_incremental() -%}
        {%- set first_day = restated_from() if months_earlier is none
            else add_months(restated_from(), '-' ~ months_earlier) -%}
        select * from {{ relation }}
        where {{ day }} >= {{ first_day }}
        union all
        select * from {{ relation }}
        where {{ day }} < {{ first_day }} and {{ some }}
    {%- else -%}
        select * from {{ relation }}
    {%- endif -%}
{%- endmacro %}

{#- The same of a relation by month and account, or customer. -#}
{% macro restated_rows(relation, kind, months_earlier=none) -%}
    {%- set some = key_of(kind) ~ ' in (' ~ restated(kind) ~ ')' -%}
    {{ restated_where(relation, some, months_earlier=months_earlier) }}
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
    {{ restated_where(relation, some) }}
{%- endmacro %}

{#- The same of a relation that goes by records, for what their customers are computed from:
    the records that are now theirs; and those that are nobody's, which may have been
    somebody's. Of these nothing tells whether they are restated. -#}
{% macro restated_records(relation, kind, day='month_start') -%}
    {%- set some -%}
        record_id in (
            select bridge.record_id
            from {{ source('identity', 'customer_identity') }} as bridge
            where
                bridge.customer_key is null
                or bridge.customer_key in ({{ restated(kind) }})
        )
    {%- endset -%}
    {{ restated_where(relation, some, day) }}
{%- endmacro %}

{#- Since when a row's account or customer is computed again. -#}
{% macro restated_since(kind) -%}
    {%- set key = key_of(kind) -%}
    {%- if is_incremental() -%}
        case
            when {{ key }} in ({{ restated(kind) }}) then date '0001-01-01'
            else {{ restated_from() }}
        end
    {%- else -%}
        date '0001-01-01'
    {%- endif -%}
{%- endmacro %}

{#- Of rows with a fingerprint those that are not as the base has them, and those that were
    not last time: what is to be written into a table of fingerprints. A key that is gone is
    restated once more, without a fingerprint. -#}
{% macro against_base(relation, key) -%}
    {%- if is_incremental() -%}
        select
            coalesce(now.{{ key }}, base.{{ key }}) as {{ key }},
            now.fingerprint,
            now.fingerprint is distinct from base.fingerprint as is_restated
        from {{ relation }} as now
        full join {{ this }} as base on now.{{ key }} = base.{{ key }}
        where now.fingerprint is distinct from base.fingerprint or base.is_restated
    {%- else -%}
        select
            {{ key }},
            fingerprint,
            true as is_restated
        from {{ relation }}
    {%- endif -%}
{%- endmacro %}

{#- Deletes what was gone last time already, and so is restated no more. -#}
{% macro forget_gone() -%}
    delete from {{ this }} where fingerprint is null and not is_restated
{%- endmacro %}
