{#- Of the holders of a step those who fail more often than their peers, beyond chance, at
    the confidence of the policy for all holders of a campaign together. -#}
{% macro holders_tested(relation, holder) -%}
    with rated as (
        select
            beside.*,
            beside.failed_count / cast(beside.entered_count as double)
                as failure_ratio,
            beside.peer_failed_count / nullif(cast(beside.peer_entered_count as double), 0)
                as peer_failure_ratio,
            beside.entered_count >= terms.least_holder_count
            and beside.peer_entered_count >= terms.least_holder_count as is_enough,
            terms.alpha,
            {{ ratios_z(
                'cast(beside.failed_count as double)', 'beside.entered_count',
                'cast(beside.peer_failed_count as double)',
                'nullif(beside.peer_entered_count, 0)'
            ) }} as chance_z
        from {{ relation }} as beside
        cross join terms
    ),

    tested as (
        select
            rated.*,
            {{ two_sided_p('coalesce(chance_z, 0)') }} as chance_probability
        from rated
    ),

    ranked as (
        select
            tested.*,
            {{ holm_rank(
                'chance_probability', 'campaign_id, is_enough', 'step_code, ' ~ holder
            ) }} as family_rank,
            count(*) over (partition by campaign_id, is_enough) as family_count
        from tested
    ),

    corrected as (
        select
            ranked.*,
            case
                when is_enough
                    then {{ holm_adjusted(
                        'chance_probability', 'family_rank', 'family_count',
                        'campaign_id, is_enough'
                    ) }}
            end as corrected_probability
        from ranked
    )

    select
        corrected.*,
        coalesce(
            corrected_probability <= alpha and failure_ratio > peer_failure_ratio, false
        ) as is_break
    from corrected
{%- endmacro %}
