-- One row per account whose balance is known: what was told of it last, and since when
-- it is so.
{{
    config(
        materialized='incremental',
        incremental_strategy='delete+insert',
        unique_key='account_id',
        pre_hook="{{ forget_from('since_date', changed_balances_from()) }}"
    )
}}

-- What stands here is older than every changed day, with all of which later ones come
-- (warehouse/build.py); of an account that was told on one, it is looked up again.
with account_balances as (
    select * from {{ ref('int_account_balances') }}
    {% if is_incremental() %}
        where
            business_date >= {{ latest_balances_from() }}
            and (
                business_date >= {{ changed_balances_from() }}
                or account_id not in (select known.account_id from {{ this }} as known)
            )
    {% endif %}
),

latest_balances as (
    select
        account_id,
        business_date as since_date,
        balance_amount,
        interest_rate,
        overdue_days
    from account_balances
    qualify
        row_number() over (
            partition by account_id
            order by business_date desc
        ) = 1
)

select * from latest_balances
