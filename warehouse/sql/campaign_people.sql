-- One row per customer, with what decides whether a campaign may contact them.
create temp table people as
with contacted as (
    select
        customer_key,
        count(*) as contact_count
    from intermediate.int_campaign_contacts
    where
        not is_control
        and step_number > 0
        and contact_date > ?::date - (
            select term_value::integer from policy.campaign_terms
            where term_code = 'fatigue_days' and ? >= valid_from and ? < valid_to
        )
    group by customer_key
)

select
    customers.customer_key,
    substr(customers.source_record_id, length('core_banking:customer:') + 1)
        as core_customer_id,
    starts_with(customers.source_record_id, 'core_banking:customer:') as is_core,
    customers.tier,
    coalesce(customers.branch_id, 'unknown') as branch_id,
    customers.age_years,
    customers.deposit_balance_amount::double as deposit_balance_amount,
    customers.trailing_contribution_amount::double as trailing_contribution_amount,
    customers.mobile_phone,
    customers.email_address,
    coalesce(customers.is_marketing_allowed, false) as is_marketing_allowed,
    coalesce(customers.is_marketing_allowed, false)
    and coalesce(customers.is_call_allowed, false)
    and customers.mobile_phone is not null as is_phone_open,
    coalesce(customers.is_marketing_allowed, false)
    and coalesce(customers.is_email_allowed, false)
    and customers.email_address is not null as is_email_open,
    coalesce(customers.is_marketing_allowed, false)
    and customers.online_interaction_count > 0 as is_app_open,
    coalesce(customers.open_case_count, 0) > 0 as has_open_case,
    case
        when customers.is_risk_level_current
            then substr(customers.declared_risk_level_code, 2)::integer
    end as declared_risk_number,
    coalesce(contacted.contact_count, 0) >= (
        select term_value::integer from policy.campaign_terms
        where term_code = 'fatigue_count' and ? >= valid_from and ? < valid_to
    ) as is_tired
from mart.customers as customers
left join contacted on customers.customer_key = contacted.customer_key
