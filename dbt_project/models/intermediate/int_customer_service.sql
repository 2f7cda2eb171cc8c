-- One row per customer who called or wrote, or has a case: how the bank served them.
with record_months as (
    select * from {{ ref('int_record_months') }}
    where channel in ('call_center', 'email')
),

service_contacts as (
    select * from {{ ref('service_contacts') }}
    where customer_key is not null
),

cases as (
    select * from {{ ref('int_cases') }}
),

bridge as (
    select * from {{ source('identity', 'customer_identity') }}
    where customer_key is not null
),

contacts as (
    select
        bridge.customer_key,
        record_months.activity_code,
        record_months.interaction_count,
        record_months.satisfaction_score,
        record_months.satisfaction_answer_count,
        record_months.last_occurred_at
    from record_months
    inner join bridge on record_months.record_id = bridge.record_id
),

contact_figures as (
    select
        customer_key,
        {{ number_of('interaction_count', "activity_code = 'call'") }} as call_count,
        {{ number_of(
            'interaction_count', "activity_code in ('message_in', 'message_out')"
        ) }} as message_count,
        cast(sum(satisfaction_score) as double)
        / nullif(cast(sum(satisfaction_answer_count) as double), 0)
            as satisfaction_average,
        cast(sum(satisfaction_answer_count) as bigint) as satisfaction_answer_count,
        {{ local_date('max(last_occurred_at)') }} as last_contact_date
    from contacts
    group by customer_key
),

resolutions as (
    select
        customer_key,
        avg(
            case
                when is_resolved_at_first_contact then 1.0
                when not is_resolved_at_first_contact then 0.0
            end
        ) as first_contact_resolution_ratio
    from service_contacts
    group by customer_key
),

case_figures as (
    select
        bridge.customer_key,
        count(*) as case_count,
        count(*) filter (where cases.status_code = 'open') as open_case_count,
        max({{ local_date('cases.opened_at') }}) as last_case_opened_date
    from cases
    inner join bridge on cases.record_id = bridge.record_id
    group by bridge.customer_key
),

customer_service as (
    select
        coalesce(contact_figures.customer_key, case_figures.customer_key)
            as customer_key,
        coalesce(contact_figures.call_count, 0) as call_count,
        coalesce(contact_figures.message_count, 0) as message_count,
        contact_figures.satisfaction_average,
        coalesce(contact_figures.satisfaction_answer_count, 0)
            as satisfaction_answer_count,
        resolutions.first_contact_resolution_ratio,
        coalesce(case_figures.case_count, 0) as case_count,
        coalesce(case_figures.open_case_count, 0) as open_case_count,
        contact_figures.last_contact_date,
        case_figures.last_case_opened_date
    from contact_figures
    full join case_figures
        on contact_figures.customer_key = case_figures.customer_key
    left join resolutions
        on contact_figures.customer_key = resolutions.customer_key
)

select * from customer_service
