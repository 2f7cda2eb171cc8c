{#- One number of a policy that stands in a seed by code and days. -#}
{% macro policy_term(seed, code) -%}
    (
        select cast(terms.term_value as double)
        from {{ ref(seed) }} as terms
        where
            terms.term_code = '{{ code }}'
            and {{ as_of() }} >= terms.valid_from
            and {{ as_of() }} < terms.valid_to
    )
{%- endmacro %}

{#- One number of the policy on signals. -#}
{% macro signal_term(code) -%}
    {{- policy_term('signal_terms', code) -}}
{%- endmacro %}

{#- One number of the policy on campaigns. -#}
{% macro campaign_term(code) -%}
    {{- policy_term('campaign_terms', code) -}}
{%- endmacro %}

{#- One number of the policy on service. -#}
{% macro service_term(code) -%}
    {{- policy_term('service_terms', code) -}}
{%- endmacro %}

{#- One number of the policy on who answers for whom. -#}
{% macro relationship_term(code) -%}
    {{- policy_term('relationship_terms', code) -}}
{%- endmacro %}
