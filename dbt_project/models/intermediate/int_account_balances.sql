-- One row per account and business date on which its balance, rate or days past due
-- became other than what was told of it before. A day that tells the same adds none:
-- a bank's accounts tell themselves every night, and few of them have moved.
{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        pre_hook="{{ forget_changed('core_banking.balances') }}"
    )
}}

-- A changed day comes with all later ones (warehouse/build.py): what is told on a day
-- is a change or not by the day before.
with balances as (
    select * from {{ ref('stg_core_banking__balances') }}
),

told as (
    select
        account_id,
        business_date,
        balance_amount,
        interest_rate,
        overdue_days,
        true as is_new
    from balances
    {% if is_incremental() %}
        union all
        -- What stood before, as the base has it.
        select
            account_id,
            since_date as business_date,
            balance_amount,
            interest_rate,
            overdue_days,
            false as is_new
        from {{ latest_balances_of_base() }}
        where since_date < {{ changed_balances_from() }}
        union all
        -- Of what was told on a changed day, it is looked up.
        select
            account_id,
            business_date,
            balance_amount,
            interest_rate,
            overdue_days,
            false as is_new
        from {{ this }}
        where
            account_id in (
                select of_base.account_id
                from {{ latest_balances_of_base() }} as of_base
                where of_base.since_date >= {{ changed_balances_from() }}
            )
        qualify
            row_number() over (
                partition by account_id
                order by business_date desc
            ) = 1
    {% endif %}
),

compared as (
    select
        *,
        row_number() over (
            partition by account_id
            order by business_date
        ) as told_number,
        lag(balance_amount) over (
            partition by account_id
            order by business_date
        ) as balance_before,
        lag(interest_rate) over (
            partition by account_id
            order by business_date
        ) as rate_before,
        lag(overdue_days) over (
            partition by account_id
            order by business_date
        ) as overdue_before
    from told
),

account_balances as (
    select
        account_id,
        business_date,
        balance_amount,
        interest_rate,
        overdue_days
    from compared
    where
        is_new
        and (
            told_number = 1
            or balance_amount is distinct from balance_before
            or interest_rate is distinct from rate_before
            or overdue_days is distinct from overdue_before
        )
)

select * from account_balances
order by business_date, account_id
