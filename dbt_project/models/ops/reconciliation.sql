-- One row per feed of events and business date: every landed row is loaded, or is a
-- duplicate that was removed, or belongs to a control group that was not contacted.
{%- set feeds = {
    'atm.transactions': 'interactions',
    'call_center.calls': 'interactions',
    'call_center.cases': 'interactions',
    'core_banking.balances': 'int_latest_balances',
    'core_banking.postings': 'interactions',
    'email.mailbox': 'interactions',
    'email.messages': 'interactions',
    'marketing.contacts': 'interactions',
    'online_banking.payments': 'interactions',
    'online_banking.sessions': 'interactions',
} %}
{%- set excluded = {'marketing.contacts': 'count(*) filter (where is_control)'} %}
{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        on_schema_change='fail',
        pre_hook="{{ forget_changed() }}"
    )
}}

with interactions as (
    select * from {{ ref('interactions') }}
),

latest_balances as (
    select * from {{ ref('int_latest_balances') }}
),

loaded_partitions as (
    select * from {{ source('ops', 'loaded_partitions') }}
),

{% if is_incremental() %}
changed_partitions as (
    select * from {{ source('ops', 'changed_partitions') }}
),

{% endif %}
due as (
    select loaded_partitions.*
    from loaded_partitions
    {% if is_incremental() %}
        inner join changed_partitions
            on
                loaded_partitions.channel = changed_partitions.channel
                and loaded_partitions.feed = changed_partitions.feed
                and loaded_partitions.business_date = changed_partitions.business_date
    {% endif %}
),

staged as (
    {%- for id, target in feeds.items() %}
        {%- set channel, feed = id.split('.') %}
        select
            '{{ channel }}' as channel,
            '{{ feed }}' as feed,
            business_date,
            count(*) as staged_rows,
            {{ excluded.get(id, "0") }} as excluded_rows
        from {{ ref('stg_' ~ channel ~ '__' ~ feed) }}
        group by business_date
        {{- "\n        union all" if not loop.last }}
    {%- endfor %}
),

told_balances as (
    select
        *,
        row_number() over (
            partition by account_id
            order by business_date desc
        ) as later_number
    from {{ ref('stg_core_banking__balances') }}
),

loaded as (
    select
        channel,
        feed,
        business_date,
        count(*) as loaded_rows
    from interactions
    where business_date >= (select min(due.business_date) from due)
    group by channel, feed, business_date
    union all
    select
        'core_banking' as channel,
        'balances' as feed,
        told_balances.business_date,
        count(*) as loaded_rows
    from told_balances
    -- A balance is kept where it changes. So what an account tells last has to be what
    -- is known of it; what it told before then is not there to be counted.
    inner join latest_balances
        on
            told_balances.account_id = latest_balances.account_id
            and (
                told_balances.later_number > 1
                or (
                    told_balances.balance_amount
                    is not distinct from latest_balances.balance_amount
                    and told_balances.interest_rate
                    is not distinct from latest_balances.interest_rate
                    and told_balances.overdue_days
                    is not distinct from latest_balances.overdue_days
                )
            )
    group by told_balances.business_date
),

reconciliation as (
    select
        due.channel,
        due.feed,
        due.business_date,
        due.landed_rows,
        due.landed_rows - coalesce(staged.staged_rows, 0) as duplicate_rows,
        cast(coalesce(staged.excluded_rows, 0) as bigint) as excluded_rows,
        coalesce(loaded.loaded_rows, 0) as loaded_rows,
        coalesce(staged.staged_rows, 0)
        - cast(coalesce(staged.excluded_rows, 0) as bigint)
        - coalesce(loaded.loaded_rows, 0) as difference
    from due
    left join staged
        on
            due.channel = staged.channel
            and due.feed = staged.feed
            and due.business_date = staged.business_date
    left join loaded
        on
            due.channel = loaded.channel
            and due.feed = loaded.feed
            and due.business_date = loaded.business_date
    where due.channel || '.' || due.feed in (
        {%- for id in feeds %}
            '{{ id }}'{{ "," if not loop.last }}
        {%- endfor %}
    )
)

select * from reconciliation
