-- One row per customer and month that the features are known of and the outcome is: the
-- row of mart.attrition_months as many months later says who was lost. What the rule
-- says at the month's end itself stands beside it.
with terms as (
    select term_value::integer as month_count
    from policy.signal_terms
    cross join ops.build
    where
        term_code = 'attrition_months'
        and as_of_date >= valid_from
        and as_of_date < valid_to
)

select
    features.*,
    coalesce(greatest(now.drop_ratio, 0), 0) as rule_score,
    coalesce(now.is_lost, false) as is_rule_raised,
    later.is_lost,
    terms.month_count as horizon_months
from intermediate.int_attrition_features as features
cross join terms
inner join mart.attrition_months as later
    on features.customer_key = later.customer_key
    and later.month_start = features.month_start + to_months(terms.month_count)
left join mart.attrition_months as now
    on features.customer_key = now.customer_key
    and features.month_start = now.month_start
order by features.month_start, features.customer_key
