-- One row per customer and basic fact that is known of it.
{%- set facts = {
    'full_name': 'name_conflict_count',
    'birth_date': 'birth_date_conflict_count',
    'mobile_phone': 'mobile_phone_conflict_count',
    'email_address': 'email_address_conflict_count',
    'postal_address': 'postal_address_conflict_count',
} %}
with basics as (
    select * from {{ ref('int_customer_basics') }}
),

told as (
    {%- for fact, conflicts in facts.items() %}
        select
            customer_key,
            '{{ fact }}' as fact_code,
            {{ fact }}_record_id as record_id,
            '{{ "opened_first" if fact in ["full_name", "birth_date"]
                else "opened_last" }}' as core_rule_code,
            coalesce({{ conflicts }}, 0) as conflict_count
        from basics
        where {{ fact }} is not null
        {{- "\n        union all" if not loop.last }}
    {%- endfor %}
),

customer_sources as (
    select
        customer_key,
        fact_code,
        record_id,
        case
            when record_id like 'core_banking:customer:%' then core_rule_code
            when record_id like 'online_banking:login:%' then 'login'
            else 'contact'
        end as rule_code,
        cast(conflict_count as bigint) as conflict_count
    from told
)

select * from customer_sources
order by customer_key, fact_code
