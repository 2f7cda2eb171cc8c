{#- The first day of which balances changed, as a literal. -#}
{% macro changed_balances_from() -%}
    {{- _day_of(
        "select coalesce(min(business_date), date '9999-12-31') from "
        ~ source('ops', 'changed_partitions')
        ~ " where channel || '.' || feed = 'core_banking.balances'"
    ) -}}
{%- endmacro %}

{#- int_latest_balances as the candidate's base has it, for the model that it is made from. -#}
{% macro latest_balances_of_base() -%}
    {{- this.incorporate(path={'identifier': 'int_latest_balances'}) -}}
{%- endmacro %}

{#- The first day that int_latest_balances looks at: that, or all days where it has to look up
    what stood before a balance that was told on a changed day. -#}
{% macro latest_balances_from() -%}
    {{- _day_of(
        'select case when max(since_date) >= ' ~ changed_balances_from()
        ~ " then date '0001-01-01' else " ~ changed_balances_from() ~ ' end from ' ~ this
    ) -}}
{%- endmacro %}

{#- The balances that are told, and at what rate, as far as their accounts' days are computed
    again: from the first such month on, what stood on the day before it included, as the
    month before has it; of `restated` accounts, from ever. -#}
{% macro restated_balances(months, kind, restated) -%}
    {%- set columns = 'account_id, business_date, balance_amount, interest_rate' -%}
    select {{ columns }}
    from (
        {{ restated_where(
            ref('int_account_balances'),
            kind,
            'account_id in (' ~ restated ~ ')',
            day='business_date',
            from_ever=true
        ) }}
    ) as told
    {%- if is_incremental() %}
        {%- set first_day = restated_from() %}
        union all
        select
            account_id,
            cast({{ first_day }} - interval 1 day as date) as business_date,
            told_balance_amount as balance_amount,
            told_interest_rate as interest_rate
        from {{ months }}
        where
            month_start = {{ add_months(first_day, -1) }}
            and told_balance_amount is not null
            and account_id not in ({{ restated }})
    {%- endif -%}
{%- endmacro %}

{#- A relation of one row per account and told balance, with the days on which it held: from
    its date until the next told one, or until the account is closed. The first one also holds
    for up to a week before it, on which the account was open and the bank knew balances: a row
    that was rejected leaves a hole, and an account with a hole is not one without money.

    Joined are accounts. -#}
{% macro balance_periods(balances) -%}
    select
        account_id,
        balance_amount,
        told_interest_rate,
        coalesce(told_interest_rate, account_interest_rate) as interest_rate,
        coalesce(currency_code, '{{ var("currency_code") }}') as currency_code,
        first_date,
        least(next_date, coalesce(closed_date, next_date)) as end_date
    from (
        select
            followed.account_id,
            followed.balance_amount,
            followed.interest_rate as told_interest_rate,
            followed.next_date,
            accounts.interest_rate as account_interest_rate,
            accounts.currency_code,
            accounts.closed_date,
            case
                when followed.balance_number = 1
                    then least(
                        followed.told_date,
                        greatest(
                            bounds.first_date,
                            cast(followed.told_date - interval 7 day as date),
                            coalesce(accounts.opened_date, followed.told_date)
                        )
                    )
                else followed.told_date
            end as first_date
        from (
            select
                account_id,
                balance_amount,
                interest_rate,
                business_date as told_date,
                row_number() over (
                    partition by account_id
                    order by business_date
                ) as balance_number,
                coalesce(
                    lead(business_date) over (
                        partition by account_id
                        order by business_date
                    ),
                    cast({{ as_of() }} + interval 1 day as date)
                ) as next_date
            from {{ balances }}
        ) as followed
        cross join (
            select min(business_date) as first_date
            from {{ ref('int_account_balances') }}
        ) as bounds
        left join accounts on followed.account_id = accounts.account_id
    ) as begun
    where coalesce(closed_date > first_date, true)
{%- endmacro %}
