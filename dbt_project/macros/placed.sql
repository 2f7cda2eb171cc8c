{#- What a day brought, as int_customer_days has it and branch_overview adds it up. -#}
{% macro placed_flows() %}
    {{ return([
        'interaction_count', 'call_count', 'abandoned_call_count', 'case_opened_count',
        'satisfaction_score', 'satisfaction_answer_count', 'credit_amount',
        'debit_amount', 'cost_to_serve_amount',
    ]) }}
{% endmacro %}

{#- What stands at the end of a day, whose movements int_customer_movements has. -#}
{% macro placed_stocks() %}
    {{ return([
        'customer_count', 'deposit_balance_amount', 'loan_balance_amount',
        'open_case_count',
    ]) }}
{% endmacro %}
