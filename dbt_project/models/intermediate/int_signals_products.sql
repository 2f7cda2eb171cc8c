-- One row per customer to whom a kind of product may be offered: the one that most of
-- those who are like it hold (same tier, same stage of life) and it does not.
with customers as (
    select * from {{ ref('customers') }}
),

segments as (
    select * from {{ ref('segments') }}
    where scheme_code = 'life_stage'
),

product_terms as (
    select * from {{ ref('product_terms') }}
    where {{ as_of() }} >= valid_from and {{ as_of() }} < valid_to
),

accounts as (
    select * from {{ ref('int_accounts') }}
    where is_open
),

account_owners as (
    select * from {{ ref('int_account_owners') }}
),

overdue as (
    select * from {{ ref('int_latest_balances') }}
    where overdue_days > 0
),

held as (
    select distinct
        account_owners.customer_key,
        accounts.product_kind_code
    from account_owners
    inner join accounts on account_owners.account_id = accounts.account_id
),

behind as (
    select distinct account_owners.customer_key
    from account_owners
    inner join accounts on account_owners.account_id = accounts.account_id
    inner join overdue on accounts.account_id = overdue.account_id
    where accounts.side_code = 'loan'
),

alike as (
    select
        customers.customer_key,
        customers.tier,
        segments.segment_code as life_stage_code,
        customers.declared_risk_level_code,
        customers.is_risk_level_current,
        count(*) over (
            partition by customers.tier, segments.segment_code
        ) as alike_count
    from customers
    inner join segments on customers.customer_key = segments.customer_key
    where customers.tier in ('premium', 'ordinary')
),

shares as (
    select
        alike.tier,
        alike.life_stage_code,
        held.product_kind_code,
        any_value(alike.alike_count) as alike_count,
        count(*) as holder_count
    from alike
    inner join held on alike.customer_key = held.customer_key
    group by alike.tier, alike.life_stage_code, held.product_kind_code
),

-- An investment is offered only to whom a questionnaire that holds allows it, credit to
-- nobody who is a minor or behind with a loan.
offered as (
    select
        alike.customer_key,
        shares.product_kind_code,
        shares.holder_count,
        shares.alike_count,
        cast(shares.holder_count as double) / shares.alike_count as holder_ratio
    from alike
    inner join shares
        on
            alike.tier = shares.tier
            and alike.life_stage_code = shares.life_stage_code
    inner join product_terms
        on shares.product_kind_code = product_terms.product_kind_code
    left join held
        on
            alike.customer_key = held.customer_key
            and shares.product_kind_code = held.product_kind_code
    left join behind on alike.customer_key = behind.customer_key
    where
        held.customer_key is null
        and (
            product_terms.group_code <> 'investments'
            or (
                alike.is_risk_level_current
                and product_terms.risk_number
                <= cast(substr(alike.declared_risk_level_code, 2) as integer)
            )
        )
        and not (
            product_terms.group_code = 'borrowing'
            and (alike.life_stage_code = 'minor' or behind.customer_key is not null)
        )
),

signals_products as (
    select
        customer_key,
        'next_best_product' as signal_code,
        product_kind_code as subject,
        holder_ratio as score,
        holder_count || ' of ' || alike_count
        || ' customers of its tier and stage of life hold it' as evidence
    from offered
    where holder_ratio >= {{ signal_term('product_least_ratio') }}
    qualify
        row_number() over (
            partition by customer_key
            order by holder_ratio desc, product_kind_code asc
        ) = 1
)

select * from signals_products
