-- One row per campaign and group of its customers; the group of all is one.
{%- set dimensions = {
    'all': "'all'",
    'channel': 'contact_channel_code',
    'tier': 'tier',
    'segment': 'segment_code',
    'branch': 'branch_id',
} %}
{%- set steps = [
    'attempted', 'delivered', 'reached', 'interested', 'offered', 'applied', 'fulfilled'
] %}
with audiences as (
    select * from {{ ref('campaign_audiences') }}
    where arm_code <> 'mixed'
),

campaigns as (
    select * from {{ ref('stg_marketing__campaigns') }}
),

steps as (
    select * from {{ ref('campaign_steps') }}
),

policy as (
    select
        {{ campaign_term('least_group_count') }} as least_group_count,
        1 - {{ campaign_term('confidence_ratio') }} as alpha,
        {{ campaign_term('power_ratio') }} as power_ratio
),

terms as (
    select
        least_group_count,
        alpha,
        {{ normal_quantile('(1 - alpha / 2)') }} as z,
        {{ normal_quantile('power_ratio') }} as power_z
    from policy
),

-- Those held out are of no channel unless their plan says which it would have been.
grouped as (
    {%- for dimension, column in dimensions.items() %}
        select
            audiences.campaign_id,
            '{{ dimension }}' as dimension_code,
            {{ column }} as group_code,
            count(*) filter (where arm_code = 'treated') as treated_count,
            count(*) filter (where arm_code = 'control') as control_count,
            count(*) filter (where arm_code = 'treated' and is_response)
                as treated_response_count,
            count(*) filter (where arm_code = 'control' and is_response)
                as control_response_count,
            {%- for step in steps %}
                count(*) filter (
                    where arm_code = 'treated' and step_number >= (
                        select steps.step_number from steps
                        where steps.step_code = '{{ step }}'
                    )
                ) as {{ step }}_count,
            {%- endfor %}
            {{ amount_of('contact_cost_amount', 'true') }} as cost_amount,
            {{ amount_of('funded_balance_amount', "arm_code = 'treated'") }}
                as funded_balance_amount,
            {{ amount_of('contribution_amount', "arm_code = 'treated'") }}
                as treated_contribution_amount,
            {{ amount_of('contribution_amount', "arm_code = 'control'") }}
                as control_contribution_amount
        from audiences
        {%- if dimension == 'channel' %}
            where contact_channel_code <> 'none'
        {%- endif %}
        group by campaign_id, group_code
        {{- "\n    union all" if not loop.last }}
    {%- endfor %}
),

rated as (
    select
        grouped.*,
        treated_response_count / nullif(cast(treated_count as double), 0)
            as treated_response_ratio,
        control_response_count / nullif(cast(control_count as double), 0)
            as control_response_ratio,
        treated_count >= terms.least_group_count
        and control_count >= terms.least_group_count as is_enough,
        campaigns.end_date < {{ as_of() }} as is_over,
        terms.alpha,
        terms.z,
        terms.power_z
    from grouped
    cross join terms
    left join campaigns on grouped.campaign_id = campaigns.campaign_id
),

bounded as (
    select
        rated.*,
        treated_response_ratio - control_response_ratio as uplift_ratio,
        {{ wilson_end('treated_response_ratio', 'treated_count', 'z', '-') }}
            as treated_low_ratio,
        {{ wilson_end('treated_response_ratio', 'treated_count', 'z', '+') }}
            as treated_high_ratio,
        {{ wilson_end('control_response_ratio', 'control_count', 'z', '-') }}
            as control_low_ratio,
        {{ wilson_end('control_response_ratio', 'control_count', 'z', '+') }}
            as control_high_ratio,
        {{ ratios_z(
            'cast(treated_response_count as double)', 'treated_count',
            'cast(control_response_count as double)', 'control_count'
        ) }} as chance_z
    from rated
),

-- Newcombe's interval of a difference (1998, method 10).
tested as (
    select
        bounded.*,
        uplift_ratio - sqrt(
            power(treated_response_ratio - treated_low_ratio, 2)
            + power(control_high_ratio - control_response_ratio, 2)
        ) as uplift_low_ratio,
        uplift_ratio + sqrt(
            power(treated_high_ratio - treated_response_ratio, 2)
            + power(control_response_ratio - control_low_ratio, 2)
        ) as uplift_high_ratio,
        case
            when treated_count > 0 and control_count > 0
                then {{ two_sided_p('coalesce(chance_z, 0)') }}
        end as chance_probability,
        dimension_code <> 'all' and is_enough as is_in_family
    from bounded
),

ranked as (
    select
        tested.*,
        {{ holm_rank(
            'chance_probability', 'campaign_id, is_in_family',
            'dimension_code, group_code'
        ) }} as family_rank,
        count(*) over (partition by campaign_id, is_in_family) as family_count
    from tested
),

corrected as (
    select
        ranked.*,
        case
            when dimension_code = 'all' then chance_probability
            when is_in_family
                then {{ holm_adjusted(
                    'chance_probability', 'family_rank', 'family_count',
                    'campaign_id, is_in_family'
                ) }}
        end as corrected_probability,
        treated_contribution_amount / nullif(cast(treated_count as double), 0)
        - control_contribution_amount / nullif(cast(control_count as double), 0)
            as contribution_gained_per_customer
    from ranked
),

campaign_results as (
    select
        campaign_id,
        dimension_code,
        group_code,
        cast(treated_count as bigint) as treated_count,
        cast(control_count as bigint) as control_count,
        {%- for step in steps %}
            cast({{ step }}_count as bigint) as {{ step }}_count,
        {%- endfor %}
        cast(treated_response_count as bigint) as treated_response_count,
        cast(control_response_count as bigint) as control_response_count,
        treated_response_ratio,
        control_response_ratio,
        uplift_ratio,
        case when uplift_ratio is not null then uplift_low_ratio end
            as uplift_low_ratio,
        case when uplift_ratio is not null then uplift_high_ratio end
            as uplift_high_ratio,
        uplift_ratio / nullif(control_response_ratio, 0) as lift_ratio,
        chance_probability,
        corrected_probability,
        case
            when treated_count = 0 or control_count = 0 then 'no_comparison'
            when not is_enough then 'too_few'
            when not coalesce(is_over, false) then 'running'
            when corrected_probability > alpha then 'none_seen'
            when uplift_ratio > 0 then 'gained'
            else 'lost'
        end as verdict_code,
        (z + power_z) * sqrt(
            control_response_ratio * (1 - control_response_ratio)
            * (1.0 / nullif(treated_count, 0) + 1.0 / nullif(control_count, 0))
        ) as detectable_uplift_ratio,
        uplift_ratio * treated_count as gained_response_count,
        {{ in_cents('cost_amount') }} as cost_amount,
        {{ in_cents('funded_balance_amount') }} as funded_balance_amount,
        {{ in_cents('treated_contribution_amount') }} as treated_contribution_amount,
        {{ in_cents('control_contribution_amount') }} as control_contribution_amount,
        cast(contribution_gained_per_customer * treated_count as decimal(18, 2))
            as gained_contribution_amount,
        (contribution_gained_per_customer * treated_count - cast(cost_amount as double))
        / nullif(cast(cost_amount as double), 0) as return_ratio,
        '{{ var("currency_code") }}' as currency_code
    from corrected
)

select * from campaign_results
order by campaign_id, dimension_code, group_code
