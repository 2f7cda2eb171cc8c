-- One row per account opened since the first campaign and contact that led to it; one
-- without a contact where none did.
with contacts as (
    select * from {{ ref('int_campaign_contacts') }}
    where not is_control and customer_key is not null
),

campaigns as (
    select * from {{ ref('stg_marketing__campaigns') }}
),

steps as (
    select * from {{ ref('campaign_steps') }}
),

accounts as (
    select * from {{ ref('int_accounts') }}
),

account_owners as (
    select * from {{ ref('int_account_owners') }}
),

terms as (
    select
        {{ campaign_term('attribution_days') }} as attribution_days,
        {{ campaign_term('attribution_half_life_days') }} as half_life_days
),

openings as (
    select *
    from accounts
    where opened_date >= (select min(campaigns.start_date) from campaigns)
),

-- Who was reached; of a campaign for another product nothing is said to come.
touches as (
    select
        contacts.contact_id,
        contacts.campaign_id,
        contacts.customer_key,
        contacts.contact_date,
        campaigns.product_id
    from contacts
    inner join campaigns on contacts.campaign_id = campaigns.campaign_id
    inner join steps on steps.step_code = 'reached'
    where contacts.step_number >= steps.step_number
),

-- Distinct keeps this join apart. Else the engine, which expects few contacts, pairs
-- each opening with every contact on its product before it asks whose both are.
owned as (
    select distinct
        openings.account_id,
        openings.product_id,
        openings.opened_date,
        account_owners.customer_key
    from openings
    inner join account_owners on openings.account_id = account_owners.account_id
),

paths as (
    select
        owned.account_id,
        touches.campaign_id,
        touches.contact_id,
        touches.contact_date,
        power(
            0.5,
            {{ days_between('touches.contact_date', 'owned.opened_date') }}
            / terms.half_life_days
        ) as weight
    from owned
    inner join touches
        on
            owned.customer_key = touches.customer_key
            and owned.product_id = touches.product_id
            and owned.opened_date >= touches.contact_date
    cross join terms
    where
        {{ days_between('touches.contact_date', 'owned.opened_date') }}
        <= terms.attribution_days
),

shared as (
    select
        account_id,
        campaign_id,
        contact_id,
        contact_date,
        case
            when
                row_number() over (
                    partition by account_id
                    order by contact_date desc, contact_id desc
                ) = 1
                then 1
            else 0
        end as last_touch_ratio,
        cast(
            weight / sum(weight) over (
                partition by account_id
                order by contact_id
                rows between unbounded preceding and unbounded following
            ) as decimal(18, 8)
        ) as weight_ratio
    from paths
),

-- What rounding leaves is the last contact's, so that shares add up to the account.
whole as (
    select
        shared.*,
        weight_ratio + last_touch_ratio * (
            1 - sum(weight_ratio) over (partition by account_id)
        ) as multi_touch_ratio
    from shared
),

campaign_attribution as (
    select
        openings.account_id,
        openings.opened_date,
        openings.product_id,
        whole.campaign_id,
        whole.contact_id,
        whole.contact_date,
        whole.contact_id is not null as is_attributed,
        cast(coalesce(whole.last_touch_ratio, 1) as bigint) as last_touch_count,
        cast(coalesce(whole.multi_touch_ratio, 1) as decimal(18, 8))
            as multi_touch_ratio
    from openings
    left join whole on openings.account_id = whole.account_id
)

select * from campaign_attribution
order by account_id, contact_id nulls first
