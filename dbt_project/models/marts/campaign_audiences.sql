-- One row per campaign and customer in it.
with contacts as (
    select * from {{ ref('int_campaign_contacts') }}
    where customer_key is not null
),

campaigns as (
    select * from {{ ref('stg_marketing__campaigns') }}
),

basics as (
    select * from {{ ref('int_customer_basics') }}
),

customer_tiers as (
    select * from {{ ref('customer_tiers') }}
),

segments as (
    select * from {{ ref('segments') }}
    where scheme_code = 'rfm'
),

accounts as (
    select * from {{ ref('int_accounts') }}
),

account_owners as (
    select * from {{ ref('int_account_owners') }}
),

latest_balances as (
    select * from {{ ref('int_latest_balances') }}
),

account_contributions as (
    select * from {{ ref('int_account_contributions') }}
),

exchange_days as (
    select * from {{ ref('int_exchange_days') }}
    where on_date = {{ as_of() }}
),

unit_costs as (
    select * from {{ ref('unit_costs') }}
    where channel = 'marketing' and activity_code = 'campaign_contact'
),

costed as (
    select
        contacts.*,
        case
            when not contacts.is_control and contacts.step_number > 0
                then unit_costs.unit_cost_amount
        end as unit_cost_amount
    from contacts
    left join unit_costs
        on
            contacts.contact_date >= unit_costs.valid_from
            and contacts.contact_date < unit_costs.valid_to
),

-- Whoever was held out and contacted all the same, as one record and as another, is in
-- neither group.
members as (
    select
        campaign_id,
        customer_key,
        case
            when bool_and(is_control) then 'control'
            when bool_or(is_control) then 'mixed'
            else 'treated'
        end as arm_code,
        min(contact_date) as contact_date,
        count(*) as contact_count,
        count(*) filter (where not is_control and step_number > 0)
            as made_contact_count,
        coalesce(sum(unit_cost_amount), 0) as contact_cost_amount
    from costed
    group by campaign_id, customer_key
),

furthest as (
    select contacts.*
    from contacts
    qualify
        row_number() over (
            partition by contacts.campaign_id, contacts.customer_key
            order by
                contacts.is_control asc,
                contacts.step_number desc,
                contacts.contact_date desc,
                contacts.contact_id desc
        ) = 1
),

opened as (
    select
        members.campaign_id,
        members.customer_key,
        accounts.account_id,
        accounts.opened_date,
        accounts.currency_code,
        account_owners.owner_share_ratio
    from members
    inner join campaigns on members.campaign_id = campaigns.campaign_id
    inner join account_owners on members.customer_key = account_owners.customer_key
    inner join accounts
        on
            account_owners.account_id = accounts.account_id
            and campaigns.product_id = accounts.product_id
            and members.contact_date <= accounts.opened_date
            and campaigns.end_date >= accounts.opened_date
),

earned as (
    select
        account_id,
        sum(
            deposit_interest_amount
            + loan_interest_amount
            - expected_loss_amount
            - capital_charge_amount
        ) as contribution_amount
    from account_contributions
    where account_id in (select opened.account_id from opened)
    group by account_id
),

responses as (
    select
        opened.campaign_id,
        opened.customer_key,
        count(*) as opened_account_count,
        min(opened.opened_date) as response_date,
        sum(
            {{ by_share(
                in_own_currency(
                    'latest_balances.balance_amount', 'opened.currency_code'
                ),
                'opened.owner_share_ratio'
            ) }}
        ) as funded_balance_amount,
        sum(
            {{ by_share('earned.contribution_amount', 'opened.owner_share_ratio') }}
        ) as contribution_amount
    from opened
    left join latest_balances on opened.account_id = latest_balances.account_id
    left join exchange_days on opened.currency_code = exchange_days.currency_code
    left join earned on opened.account_id = earned.account_id
    group by opened.campaign_id, opened.customer_key
),

-- A campaign without a product has no other answer than what its channels log.
audiences as (
    select
        members.campaign_id,
        members.customer_key,
        members.arm_code,
        members.contact_date,
        furthest.contact_channel_code,
        members.contact_count,
        members.made_contact_count,
        furthest.step_code,
        furthest.step_number,
        furthest.state_code,
        furthest.failure_code,
        coalesce(customer_tiers.tier, 'unknown') as tier,
        segments.segment_code,
        basics.branch_id,
        case
            when campaigns.product_id is not null then responses.response_date
            when furthest.step_code = 'fulfilled' and not furthest.is_control
                then furthest.contact_date
        end as response_date,
        coalesce(responses.opened_account_count, 0) as opened_account_count,
        coalesce(responses.funded_balance_amount, 0) as funded_balance_amount,
        coalesce(responses.contribution_amount, 0) as contribution_amount,
        members.contact_cost_amount
    from members
    inner join furthest
        on
            members.campaign_id = furthest.campaign_id
            and members.customer_key = furthest.customer_key
    left join campaigns on members.campaign_id = campaigns.campaign_id
    left join basics on members.customer_key = basics.customer_key
    left join segments on members.customer_key = segments.customer_key
    left join customer_tiers
        on
            members.customer_key = customer_tiers.customer_key
            and members.contact_date >= customer_tiers.valid_from
            and members.contact_date < customer_tiers.valid_to
    left join responses
        on
            members.campaign_id = responses.campaign_id
            and members.customer_key = responses.customer_key
),

campaign_audiences as (
    select
        campaign_id,
        customer_key,
        arm_code,
        contact_date,
        contact_channel_code,
        cast(contact_count as bigint) as contact_count,
        cast(made_contact_count as bigint) as made_contact_count,
        step_code,
        step_number,
        state_code,
        failure_code,
        tier,
        coalesce(segment_code, 'unknown') as segment_code,
        coalesce(branch_id, 'unknown') as branch_id,
        response_date is not null as is_response,
        response_date,
        cast(opened_account_count as bigint) as opened_account_count,
        {{ in_cents('funded_balance_amount') }} as funded_balance_amount,
        {{ in_cents('contribution_amount') }} as contribution_amount,
        {{ in_cents('contact_cost_amount') }} as contact_cost_amount,
        '{{ var("currency_code") }}' as currency_code
    from audiences
)

select * from campaign_audiences
order by campaign_id, customer_key
