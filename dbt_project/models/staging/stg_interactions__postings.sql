-- One row per booking of a changed day, in the columns of the timeline.
with postings as (
    select * from {{ ref('stg_core_banking__postings') }}
),

interactions as (
    {{ interactions_of('postings', 'core_banking', 'postings', 'posting_id', {
        'occurred_at': 'booked_at',
        'record_id': "coalesce('core_banking:card:' || card_token, 'core_banking:account:' || account_id)",
        'activity_code': 'activity_code',
        'category_code': 'category_code',
        'amount': 'amount',
        'currency_code': 'currency_code',
        'account_id': 'account_id',
    }) }}
)

select * from interactions
