-- One row per customer: the first reason why a campaign may not contact them, if any, and
-- the channels by which it may, a bit each.
create temp table {reasons} as
with audience as (
    select customers.customer_key
    from mart.customers as customers
    where (
        {predicate}
    )
),

judged as (
    select
        people.customer_key,
        case
            when audience.customer_key is null then 'outside_audience'
            when not people.is_core then 'no_core_record'
            when people.tier = 'restricted' then 'restricted'
            when people.has_open_case then 'open_complaint'
            when not people.is_marketing_allowed then 'no_consent'
            when
                {risk_number} > 1
                and coalesce(people.declared_risk_number, 0) < {risk_number}
                then 'unsuitable'
            when people.is_tired then 'contacted_enough'
        end as reason_code,
        {channel_bits} as channel_bits
    from people
    left join audience on people.customer_key = audience.customer_key
)

select
    customer_key,
    case
        when reason_code is null and channel_bits = 0 then 'no_open_channel'
        else reason_code
    end as reason_code,
    case when reason_code is null then channel_bits else 0 end as channel_bits
from judged
