{#- What attrition is forecast from: each feature of int_attrition_features with what it is
    in words and how its value is told, where that is not as it stands. -#}
{% macro attrition_features() -%}
    {{ return({
        'deposit_amount_log': {'words': 'deposits', 'told': 'exp'},
        'deposit_change_ratio': {'words': 'deposits over the usual of three months'},
        'deposit_peak_ratio': {'words': 'deposits over the highest of twelve months'},
        'deposit_variation_ratio': {'words': 'swing of deposits over their average'},
        'outflow_ratio': {'words': 'more out than in, over deposits'},
        'interaction_count_log': {'words': 'interactions', 'told': 'expm1'},
        'interaction_change_log': {'words': 'interactions over before', 'told': 'exp'},
        'has_salary': {'words': 'salary comes in'},
        'has_salary_stopped': {'words': 'salary stopped'},
        'has_loan': {'words': 'owes a loan'},
        'product_kind_count': {'words': 'kinds of products'},
        'case_opened_count': {'words': 'cases opened'},
        'call_count_log': {'words': 'calls', 'told': 'expm1'},
        'age_decades': {'words': 'decades of age'},
    }) }}
{%- endmacro %}

{#- Of the months up to one, those from so many before it to so many before. -#}
{% macro months_before(first, last=0) -%}
    filter (where months_ago between {{ last }} and {{ first }})
{%- endmacro %}
