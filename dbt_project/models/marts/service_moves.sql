-- One row per tier and kind of contact that a cheaper channel could take: how many were
-- there in the last months, and what they would have cost less there.
with record_months as (
    select * from {{ ref('int_record_months') }}
    where
        month_start > {{ add_months(
            as_of(), 'cast(-' ~ service_term('move_months') ~ ' as integer)'
        ) }}
),

channel_months as (
    select * from {{ ref('int_customer_channel_months') }}
),

bridge as (
    select * from {{ source('identity', 'customer_identity') }}
    where customer_key is not null
),

current_tiers as (
    select * from {{ ref('customer_tiers') }}
    where {{ as_of() }} >= valid_from and {{ as_of() }} < valid_to
),

moves as (
    select * from {{ ref('channel_moves') }}
    where {{ as_of() }} >= valid_from and {{ as_of() }} < valid_to
),

unit_costs as (
    select * from {{ ref('unit_costs') }}
    where {{ as_of() }} >= valid_from and {{ as_of() }} < valid_to
),

-- Who is seen in a channel can use it.
users as (
    select
        customer_key,
        channel
    from channel_months
    group by customer_key, channel
),

contacts as (
    select
        bridge.customer_key,
        record_months.channel,
        record_months.activity_code,
        moves.category_code,
        moves.to_channel,
        moves.to_activity_code,
        sum(record_months.interaction_count) as contact_count
    from record_months
    inner join moves
        on
            record_months.channel = moves.channel
            and record_months.activity_code = moves.activity_code
            and (
                moves.category_code is null
                or record_months.category_code = moves.category_code
            )
    inner join bridge on record_months.record_id = bridge.record_id
    group by
        bridge.customer_key,
        record_months.channel,
        record_months.activity_code,
        moves.category_code,
        moves.to_channel,
        moves.to_activity_code
),

tiers as (
    select
        contacts.channel,
        contacts.activity_code,
        contacts.category_code,
        contacts.to_channel,
        contacts.to_activity_code,
        coalesce(current_tiers.tier, 'unknown') as tier,
        count(*) as customer_count,
        sum(contacts.contact_count) as contact_count,
        coalesce(
            sum(contacts.contact_count) filter (where users.customer_key is not null), 0
        ) as ready_contact_count
    from contacts
    left join current_tiers on contacts.customer_key = current_tiers.customer_key
    left join users
        on
            contacts.customer_key = users.customer_key
            and contacts.to_channel = users.channel
    group by
        contacts.channel,
        contacts.activity_code,
        contacts.category_code,
        contacts.to_channel,
        contacts.to_activity_code,
        coalesce(current_tiers.tier, 'unknown')
),

priced as (
    select
        tiers.*,
        here.unit_cost_amount,
        there.unit_cost_amount as to_unit_cost_amount
    from tiers
    inner join unit_costs as here
        on
            tiers.channel = here.channel
            and tiers.activity_code = here.activity_code
    inner join unit_costs as there
        on
            tiers.to_channel = there.channel
            and tiers.to_activity_code = there.activity_code
    where there.unit_cost_amount < here.unit_cost_amount
),

service_moves as (
    select
        tier,
        channel,
        activity_code,
        coalesce(category_code, 'any') as category_code,
        to_channel,
        to_activity_code,
        cast(customer_count as bigint) as customer_count,
        cast(contact_count as bigint) as contact_count,
        cast(ready_contact_count as bigint) as ready_contact_count,
        unit_cost_amount,
        to_unit_cost_amount,
        {{ in_cents('contact_count * (unit_cost_amount - to_unit_cost_amount)') }}
            as saving_amount,
        {{ in_cents('ready_contact_count * (unit_cost_amount - to_unit_cost_amount)') }}
            as ready_saving_amount,
        '{{ var("currency_code") }}' as currency_code
    from priced
)

select * from service_moves
order by tier, channel, activity_code, category_code
