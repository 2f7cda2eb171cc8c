{#- One number of the policy on signals. -#}
{% macro signal_term(code) -%}
    (
        select cast(signal_terms.term_value as double)
        from {{ ref('signal_terms') }} as signal_terms
        where
            signal_terms.term_code = '{{ code }}'
            and {{ as_of() }} >= signal_terms.valid_from
            and {{ as_of() }} < signal_terms.valid_to
    )
{%- endmacro %}
