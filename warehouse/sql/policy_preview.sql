-- One row per figure: what a candidate changes against the edition that is current.
with lines as (
    unpivot (
        select
            side,
            sum(deposit_interest_amount) as deposit_interest,
            sum(loan_interest_amount) as loan_interest,
            sum(fee_amount) as fee,
            sum(cost_to_serve_amount) as cost_to_serve,
            sum(expected_loss_amount) as expected_loss,
            sum(tax_amount) as tax,
            sum(capital_charge_amount) as capital_charge,
            sum(contribution_amount) as contribution
        from (
            select 'before' as side, *
            from before_edition.mart.customer_contribution_monthly
            union all by name
            select 'after' as side, *
            from after_edition.mart.customer_contribution_monthly
        )
        group by side
    )
    on columns (* exclude (side))
    into name figure value amount
),

by_line as (
    select
        'contribution of all months' as subject,
        figure,
        sum(amount) filter (where side = 'before') as earlier,
        sum(amount) filter (where side = 'after') as later
    from lines
    group by figure
),

pairs as (
    select
        coalesce(earlier.tier, 'unknown') as earlier_tier,
        coalesce(later.tier, 'unknown') as later_tier,
        earlier.trailing_contribution_amount as earlier_amount,
        later.trailing_contribution_amount as later_amount
    from before_edition.mart.customers as earlier
    full join after_edition.mart.customers as later
        on earlier.customer_key = later.customer_key
),

by_tier as (
    select
        'customers by tier' as subject,
        tier as figure,
        count(*) filter (where side = 'before') as earlier,
        count(*) filter (where side = 'after') as later
    from (
        select 'before' as side, tier from before_edition.mart.customers
        union all
        select 'after' as side, tier from after_edition.mart.customers
    )
    group by tier
),

moves as (
    select
        'customers who change tier' as subject,
        earlier_tier || ' to ' || later_tier as figure,
        0 as earlier,
        count(*) as later
    from pairs
    where earlier_tier <> later_tier
    group by earlier_tier, later_tier
),

touched as (
    select
        'customers whose trailing contribution changes' as subject,
        direction as figure,
        0 as earlier,
        count(*) as later
    from (
        select case when later_amount > earlier_amount then 'up' else 'down' end
            as direction
        from pairs
        where earlier_amount is distinct from later_amount
    )
    group by direction
)

select
    subject,
    figure,
    cast(earlier as decimal(28, 2)) as before,
    cast(later as decimal(28, 2)) as after,
    cast(later - earlier as decimal(28, 2)) as change
from (
    from by_line
    union all
    from by_tier
    union all
    from moves
    union all
    from touched
)
order by subject, figure
