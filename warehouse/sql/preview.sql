-- One row: what a candidate changes against the edition that is current.
with moved as (
    select count(*) as records_moved
    from before_edition.identity.customer_identity as earlier
    inner join after_edition.identity.customer_identity as later
        on earlier.record_id = later.record_id
    where earlier.customer_key is distinct from later.customer_key
),

-- Events are appended: those past the earlier edition's number are the candidate's own.
fresh_events as (
    select event_code
    from after_edition.identity.key_event
    offset (select count(*) from before_edition.identity.key_event)
),

events as (
    select
        count(*) filter (where event_code = 'merged') as merged,
        count(*) filter (where event_code = 'split') as split
    from fresh_events
),

customers as (
    select
        count(earlier.customer_key) as customers_before,
        count(later.customer_key) as customers_after,
        count(*) filter (where earlier.tier <> later.tier) as tiers_moved,
        sum(
            abs(
                coalesce(later.trailing_contribution_amount, 0)
                - coalesce(earlier.trailing_contribution_amount, 0)
            )
        ) / 2 as contribution_moved_amount,
        any_value(coalesce(later.currency_code, earlier.currency_code)) as currency_code
    from before_edition.mart.customers as earlier
    full outer join after_edition.mart.customers as later
        on earlier.customer_key = later.customer_key
)

select
    customers.customers_before,
    customers.customers_after,
    events.merged,
    events.split,
    moved.records_moved,
    customers.tiers_moved,
    cast(customers.contribution_moved_amount as decimal(18, 2))
        as contribution_moved_amount,
    customers.currency_code,
    (select count(*) from before_edition.identity.review) as queue_before,
    (select count(*) from after_edition.identity.review) as queue_after
from customers
cross join events
cross join moved
