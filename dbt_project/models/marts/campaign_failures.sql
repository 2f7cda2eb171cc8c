-- One row per campaign, step and holder, a department, one of its teams or employees,
-- whose contacts came to where the step was due.
{%- set kinds = {
    'employee': ['department_id', 'team_id', 'employee_id'],
    'team': ['department_id', 'team_id'],
    'department': ['department_id'],
} %}
{%- set holder = ['department_id', 'team_id', 'employee_id'] %}
with contacts as (
    select * from {{ ref('int_campaign_contacts') }}
    where state_code <> 'control'
),

steps as (
    select * from {{ ref('campaign_steps') }}
    where previous_number is not null
),

policy as (
    select
        {{ campaign_term('least_holder_count') }} as least_holder_count,
        1 - {{ campaign_term('confidence_ratio') }} as alpha,
        {{ campaign_term('funnel_ratio') }} as funnel_ratio
),

terms as (
    select
        least_holder_count,
        alpha,
        {{ normal_quantile('(1 - alpha / 2)') }} as z,
        {{ normal_quantile('((1 + funnel_ratio) / 2)') }} as funnel_z
    from policy
),

-- An open contact has not failed where it is.
entries as (
    select
        contacts.campaign_id,
        contacts.department_id,
        contacts.team_id,
        contacts.employee_id,
        steps.step_code,
        contacts.step_number < steps.step_number as is_failed,
        case
            when contacts.step_number < steps.step_number then contacts.failure_code
        end as failure_code,
        contacts.state_code = 'fulfilled' as is_fulfilled
    from contacts
    inner join steps on contacts.step_number >= steps.previous_number
    where
        contacts.step_number >= steps.step_number or contacts.state_code = 'failed'
),

reasons as (
    select
        campaign_id,
        step_code,
        department_id,
        team_id,
        employee_id,
        failure_code,
        count(*) as failure_count
    from entries
    group by campaign_id, step_code, department_id, team_id, employee_id, failure_code
),

-- What those who pass a step come to in the end, in the whole campaign.
onward as (
    select
        campaign_id,
        step_code,
        count(*) filter (where is_fulfilled)
        / nullif(cast(count(*) filter (where not is_failed) as double), 0)
            as onward_ratio
    from entries
    group by campaign_id, step_code
),

employee_counts as (
    select
        campaign_id,
        step_code,
        department_id,
        team_id,
        employee_id,
        count(*) as entered_count,
        count(*) filter (where is_failed) as failed_count
    from entries
    group by campaign_id, step_code, department_id, team_id, employee_id
),

-- An employee's peers are the others of the department.
employees_beside_peers as (
    select
        *,
        sum(entered_count) over (
            partition by campaign_id, step_code, department_id
        ) - entered_count as peer_entered_count,
        sum(failed_count) over (
            partition by campaign_id, step_code, department_id
        ) - failed_count as peer_failed_count
    from employee_counts
),

employees_tested as (
    {{ holders_tested('employees_beside_peers', kinds['employee'] | join(', ')) }}
),

-- What one person breaks does not count against the team and the department as well,
-- nor what a team breaks against the department.
team_counts as (
    select
        campaign_id,
        step_code,
        department_id,
        team_id,
        sum(entered_count) as entered_count,
        sum(failed_count) as failed_count
    from employees_tested
    where not (is_break and employee_id is not null) and team_id is not null
    group by campaign_id, step_code, department_id, team_id
),

teams_beside_peers as (
    select
        *,
        sum(entered_count) over (
            partition by campaign_id, step_code, department_id
        ) - entered_count as peer_entered_count,
        sum(failed_count) over (
            partition by campaign_id, step_code, department_id
        ) - failed_count as peer_failed_count
    from team_counts
),

teams_tested as (
    {{ holders_tested('teams_beside_peers', kinds['team'] | join(', ')) }}
),

department_counts as (
    select
        employees.campaign_id,
        employees.step_code,
        employees.department_id,
        sum(employees.entered_count) as entered_count,
        sum(employees.failed_count) as failed_count
    from employees_tested as employees
    left join teams_tested as teams
        on
            employees.campaign_id = teams.campaign_id
            and employees.step_code = teams.step_code
            and employees.department_id = teams.department_id
            and employees.team_id = teams.team_id
    where
        not (employees.is_break and employees.employee_id is not null)
        and not coalesce(teams.is_break, false)
    group by employees.campaign_id, employees.step_code, employees.department_id
),

departments_beside_peers as (
    select
        *,
        sum(entered_count) over (partition by campaign_id, step_code)
        - entered_count as peer_entered_count,
        sum(failed_count) over (partition by campaign_id, step_code)
        - failed_count as peer_failed_count
    from department_counts
),

departments_tested as (
    {{ holders_tested('departments_beside_peers', 'department_id') }}
),

holders as (
    {%- for kind, key in kinds.items() %}
        select
            '{{ kind }}' as holder_kind_code,
            campaign_id,
            step_code,
            {%- for column in holder %}
                {{ column if column in key else 'cast(null as varchar)' }}
                    as {{ column }},
            {%- endfor %}
            entered_count,
            failed_count,
            peer_entered_count,
            failure_ratio,
            peer_failure_ratio,
            is_enough,
            corrected_probability,
            is_break
        from {{ kind }}s_tested
        {%- if kind == 'employee' %}
            where employee_id is not null
        {%- endif %}
        {{- "\n    union all" if not loop.last }}
    {%- endfor %}
),

top_reasons as (
    {%- for kind, key in kinds.items() %}
        {%- set of_holder = 'reasons.' ~ key | join(', reasons.') %}
        select
            '{{ kind }}' as holder_kind_code,
            campaign_id,
            step_code,
            {%- for column in holder %}
                {{ 'reasons.' ~ column if column in key else 'cast(null as varchar)' }}
                    as {{ column }},
            {%- endfor %}
            failure_code,
            sum(failure_count) as failure_count
        from reasons
        where failure_code is not null
        group by campaign_id, step_code, {{ of_holder }}, failure_code
        qualify
            row_number() over (
                partition by campaign_id, step_code, {{ of_holder }}
                order by sum(failure_count) desc, failure_code asc
            ) = 1
        {{- "\n    union all" if not loop.last }}
    {%- endfor %}
),

weighed as (
    select
        holders.*,
        top_reasons.failure_code as top_failure_code,
        holders.failed_count - holders.entered_count * holders.peer_failure_ratio
            as excess_failure_count,
        (
            holders.failed_count - holders.entered_count * holders.peer_failure_ratio
        ) * coalesce(onward.onward_ratio, 0) as lost_response_count,
        holders.entered_count * coalesce(onward.onward_ratio, 0) * greatest(
            {{ wilson_end(
                'holders.failure_ratio', 'holders.entered_count', 'terms.z', '-'
            ) }} - holders.peer_failure_ratio,
            0
        ) as surely_lost_response_count,
        terms.funnel_z * sqrt(
            holders.peer_failure_ratio * (1 - holders.peer_failure_ratio)
            / holders.entered_count
        ) as limit_width_ratio
    from holders
    cross join terms
    left join onward
        on
            holders.campaign_id = onward.campaign_id
            and holders.step_code = onward.step_code
    left join top_reasons
        on
            holders.holder_kind_code = top_reasons.holder_kind_code
            and holders.campaign_id = top_reasons.campaign_id
            and holders.step_code = top_reasons.step_code
            and holders.department_id = top_reasons.department_id
            and holders.team_id is not distinct from top_reasons.team_id
            and holders.employee_id is not distinct from top_reasons.employee_id
),

campaign_failures as (
    select
        campaign_id,
        step_code,
        holder_kind_code,
        department_id,
        team_id,
        employee_id,
        cast(entered_count as bigint) as entered_count,
        cast(failed_count as bigint) as failed_count,
        failure_ratio,
        cast(peer_entered_count as bigint) as peer_entered_count,
        peer_failure_ratio,
        greatest(peer_failure_ratio - limit_width_ratio, 0) as limit_low_ratio,
        least(peer_failure_ratio + limit_width_ratio, 1) as limit_high_ratio,
        top_failure_code,
        is_enough,
        corrected_probability,
        is_break,
        excess_failure_count,
        lost_response_count,
        case when peer_failure_ratio is not null then surely_lost_response_count end
            as surely_lost_response_count,
        case
            when is_break
                then row_number() over (
                    partition by campaign_id, is_break
                    order by
                        surely_lost_response_count desc,
                        excess_failure_count desc,
                        step_code asc,
                        department_id asc,
                        team_id asc nulls first,
                        employee_id asc nulls first
                )
        end as break_rank
    from weighed
)

select * from campaign_failures
order by
    campaign_id, step_code, holder_kind_code, department_id, team_id nulls first,
    employee_id nulls first
