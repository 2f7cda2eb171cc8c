-- One row per session of a changed day, in the columns of the timeline.
with sessions as (
    select * from {{ ref('stg_online_banking__sessions') }}
),

interactions as (
    {{ interactions_of('sessions', 'online_banking', 'sessions', 'session_id', {
        'occurred_at': 'started_at',
        'record_id': "'online_banking:login:' || login_id",
        'activity_code': "case when is_login_failed then 'failed_login' else 'session' end",
        'category_code': 'last_page_code',
        'duration_seconds': "date_diff('second', started_at, ended_at)",
    }) }}
)

select * from interactions
