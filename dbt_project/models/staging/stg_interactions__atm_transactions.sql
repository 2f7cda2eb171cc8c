-- One row per cash machine transaction of a changed day, in the timeline's columns.
with transactions as (
    select * from {{ ref('stg_atm__transactions') }}
),

interactions as (
    {{ interactions_of('transactions', 'atm', 'transactions', 'transaction_id', {
        'occurred_at': 'occurred_at',
        'record_id': "coalesce('core_banking:card:' || card_token, 'core_banking:account:' || account_id, 'atm:unknown_card')",
        'activity_code': 'activity_code',
        'outcome_code': 'outcome_code',
        'amount': 'amount',
        'currency_code': 'currency_code',
        'account_id': 'account_id',
    }) }}
)

select * from interactions
