-- One row per customer.
{#- What a bank has to know of a customer to serve it, and may not know. -#}
{%- set facts = [
    'full_name', 'sex_code', 'birth_date', 'mobile_phone', 'email_address',
    'postal_address', 'risk_level_code', 'is_marketing_allowed'
] %}
with known as (
    select * from {{ ref('int_customers_known') }}
),

basics as (
    select * from {{ ref('int_customer_basics') }}
),

holdings as (
    select * from {{ ref('int_customer_holdings') }}
),

activity as (
    select * from {{ ref('int_customer_activity') }}
),

service as (
    select * from {{ ref('int_customer_service') }}
),

running_months as (
    select * from {{ ref('int_tier_assessments') }}
    where month_start = {{ month_start(as_of()) }}
),

current_tiers as (
    select * from {{ ref('customer_tiers') }}
    where {{ as_of() }} >= valid_from and {{ as_of() }} < valid_to
),

tier_names as (
    select * from {{ ref('tier_names') }}
),

assignments as (
    select * from {{ ref('relationship_assignments') }}
),

ages as (
    select
        customer_key,
        {{ age_years('birth_date', as_of()) }} as age_years
    from basics
),

risk_terms as (
    select * from {{ ref('risk_terms') }}
    where {{ as_of() }} >= valid_from and {{ as_of() }} < valid_to
),

behaviour_terms as (
    select * from {{ ref('behaviour_terms') }}
    where {{ as_of() }} >= valid_from and {{ as_of() }} < valid_to
),

risk as (
    select
        known.customer_key,
        cast(substr(basics.risk_level_code, 2) as integer) as declared_risk_number,
        holdings.highest_risk_number as revealed_risk_number,
        {{ add_months('basics.risk_assessed_date', 'risk_terms.assessment_months') }}
            as risk_expires_date
    from known
    cross join risk_terms
    left join basics on known.customer_key = basics.customer_key
    left join holdings on known.customer_key = holdings.customer_key
),

customers as (
    select
        known.customer_key,
        basics.full_name,
        basics.sex_code,
        basics.birth_date,
        ages.age_years,
        coalesce(ages.age_years >= risk_terms.special_care_age_years, false)
            as is_special_care,
        basics.mobile_phone,
        basics.email_address,
        basics.postal_address,
        basics.city_name,
        basics.branch_id,
        assignments.employee_id as relationship_employee_id,
        assignments.team_id as relationship_team_id,
        basics.since_date,
        basics.source_record_id,
        cast(known.record_count as bigint) as record_count,
        cast(coalesce(basics.core_record_count, 0) as bigint) as core_record_count,
        cast(coalesce(basics.name_conflict_count, 0) as bigint) as name_conflict_count,
        cast(coalesce(basics.birth_date_conflict_count, 0) as bigint)
            as birth_date_conflict_count,
        cast(coalesce(basics.mobile_phone_conflict_count, 0) as bigint)
            as mobile_phone_conflict_count,
        cast(coalesce(basics.email_address_conflict_count, 0) as bigint)
            as email_address_conflict_count,
        cast(coalesce(basics.postal_address_conflict_count, 0) as bigint)
            as postal_address_conflict_count,
        (
            {%- for fact in facts %}
                case when basics.{{ fact }} is null then 0.0 else 1.0 end
                {{- " +" if not loop.last }}
            {%- endfor %}
        ) / {{ facts | length }} as completeness_ratio,
        nullif(
            concat_ws(
                ', '
                {%- for fact in facts -%}
                    , case when basics.{{ fact }} is null then '{{ fact }}' end
                {%- endfor %}
            ), ''
        ) as missing_facts,
        coalesce(basics.is_marketing_allowed, false) as is_marketing_allowed,
        coalesce(basics.is_call_allowed and basics.mobile_phone is not null, false)
            as is_call_allowed,
        coalesce(basics.is_email_allowed and basics.email_address is not null, false)
            as is_email_allowed,
        activity.preferred_contact_channel,
        cast(coalesce(holdings.open_account_count, 0) as bigint) as open_account_count,
        coalesce(holdings.product_kind_count, 0) as product_kind_count,
        holdings.product_kinds,
        {{ in_cents('coalesce(holdings.deposit_balance_amount, 0)') }}
            as deposit_balance_amount,
        {{ in_cents('coalesce(holdings.loan_balance_amount, 0)') }}
            as loan_balance_amount,
        coalesce(activity.interaction_count, 0) as interaction_count,
        coalesce(activity.transaction_count, 0) as transaction_count,
        coalesce(activity.debit_amount, 0) as debit_amount,
        coalesce(activity.credit_amount, 0) as credit_amount,
        coalesce(activity.card_purchase_count, 0) as card_purchase_count,
        coalesce(activity.card_purchase_amount, 0) as card_purchase_amount,
        coalesce(activity.cash_withdrawal_count, 0) as cash_withdrawal_count,
        coalesce(activity.online_interaction_count, 0) as online_interaction_count,
        activity.preferred_channel,
        activity.top_category_code,
        activity.last_interaction_date,
        cast({{ days_between('activity.last_interaction_date', as_of()) }} as bigint)
            as recency_days,
        cast(activity.evening_ratio as double) as evening_ratio,
        cast(coalesce(activity.last_30_days_count, 0) as bigint) as last_30_days_count,
        cast(coalesce(activity.baseline_30_days_count, 0) as double)
            as baseline_30_days_count,
        cast(
            activity.last_30_days_count / nullif(activity.baseline_30_days_count, 0)
            as double
        ) as activity_change_ratio,
        cast(activity.activity_change_z as double) as activity_change_z,
        case
            when coalesce(activity.baseline_30_days_count, 0) = 0 then 'no_baseline'
            when
                activity.last_30_days_count
                > behaviour_terms.up_ratio * activity.baseline_30_days_count
                and activity.activity_change_z >= behaviour_terms.least_z
                then 'up'
            when
                activity.last_30_days_count
                < behaviour_terms.down_ratio * activity.baseline_30_days_count
                and activity.activity_change_z <= -behaviour_terms.least_z
                then 'down'
            else 'steady'
        end as activity_change_code,
        basics.risk_level_code as declared_risk_level_code,
        basics.risk_assessed_date,
        risk.risk_expires_date,
        coalesce(risk.risk_expires_date > {{ as_of() }}, false)
            as is_risk_level_current,
        risk.revealed_risk_number,
        holdings.average_risk_number,
        holdings.investment_ratio,
        -- `greatest` passes over nulls, so the difference is asked first.
        case
            when risk.revealed_risk_number - risk.declared_risk_number is not null
                then greatest(risk.revealed_risk_number - risk.declared_risk_number, 0)
        end as suitability_gap_number,
        cast(coalesce(service.call_count, 0) as bigint) as call_count,
        cast(coalesce(service.message_count, 0) as bigint) as message_count,
        cast(service.satisfaction_average as double) as satisfaction_average,
        cast(service.first_contact_resolution_ratio as double)
            as first_contact_resolution_ratio,
        cast(coalesce(service.case_count, 0) as bigint) as case_count,
        cast(coalesce(service.open_case_count, 0) as bigint) as open_case_count,
        service.last_contact_date,
        service.last_case_opened_date,
        {{ in_cents('coalesce(running_months.trailing_contribution_amount, 0)') }}
            as trailing_contribution_amount,
        '{{ var("currency_code") }}' as currency_code,
        basics.restriction_code,
        current_tiers.tier,
        tier_names.tier_name_en,
        tier_names.tier_name_zh,
        current_tiers.reason as tier_reason,
        current_tiers.valid_from as tier_from_date
    from known
    cross join risk_terms
    cross join behaviour_terms
    left join basics on known.customer_key = basics.customer_key
    left join assignments on known.customer_key = assignments.customer_key
    left join ages on known.customer_key = ages.customer_key
    left join holdings on known.customer_key = holdings.customer_key
    left join activity on known.customer_key = activity.customer_key
    left join service on known.customer_key = service.customer_key
    left join running_months on known.customer_key = running_months.customer_key
    left join current_tiers on known.customer_key = current_tiers.customer_key
    left join tier_names on current_tiers.tier = tier_names.tier
    left join risk on known.customer_key = risk.customer_key
)

select * from customers
order by customer_key
