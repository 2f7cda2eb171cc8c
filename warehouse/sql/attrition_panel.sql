-- One row per customer and month that the features are known of and the outcome is: lost
-- is who, within the policy's months, took away the share of its deposits that the rule
-- calls a drop, or the smaller share while its interactions fell by the greater one.
-- What the rule says of the month stands beside it: the share that deposits dropped by.
with terms as (
    select
        max(term_value) filter (where term_code = 'attrition_months') as month_count,
        max(term_value) filter (where term_code = 'attrition_least_balance')
            as least_balance,
        max(term_value) filter (where term_code = 'attrition_drop_ratio')
            as drop_ratio,
        max(term_value) filter (where term_code = 'attrition_active_drop_ratio')
            as active_drop_ratio
    from policy.signal_terms
    cross join ops.build
    where as_of_date >= valid_from and as_of_date < valid_to
),

months as (
    select
        history.customer_key,
        history.month_start,
        history.deposit_balance_amount::double as deposit_amount,
        history.interaction_count,
        history.as_of_date = last_day(history.month_start) as is_whole
    from mart.profile_history as history
),

earlier_and_later as (
    select
        now.customer_key,
        now.month_start,
        now.deposit_amount,
        -- As in the rule, only a deposit worth the while can drop.
        any_value(other.deposit_amount) filter (
            where other.month_start = now.month_start - to_months(month_count::int)
            and other.deposit_amount >= terms.least_balance
        ) as earlier_amount,
        any_value(other.deposit_amount) filter (
            where other.month_start = now.month_start + to_months(month_count::int)
            and other.is_whole
        ) as later_amount,
        sum(other.interaction_count) filter (
            where other.month_start > now.month_start
        ) as later_count,
        sum(other.interaction_count) filter (
            where other.month_start <= now.month_start
            and other.month_start > now.month_start - to_months(month_count::int)
        ) as latest_count,
        sum(other.interaction_count) filter (
            where other.month_start <= now.month_start - to_months(month_count::int)
        ) as earlier_count,
        any_value(terms.drop_ratio) as least_ratio,
        any_value(terms.active_drop_ratio) as least_active_ratio
    from months as now
    cross join terms
    inner join months as other
        on now.customer_key = other.customer_key
        and other.month_start > now.month_start - to_months(2 * month_count::int)
        and other.month_start <= now.month_start + to_months(month_count::int)
    where now.deposit_amount >= terms.least_balance
    group by all
),

judged as (
    select
        *,
        greatest(1 - deposit_amount / earlier_amount, 0) as dropped_ratio,
        1 - later_amount / deposit_amount as lost_ratio,
        latest_count <= (1 - least_ratio) * earlier_count as is_less_active,
        later_count <= (1 - least_ratio) * latest_count as becomes_less_active
    from earlier_and_later
)

select
    features.*,
    coalesce(judged.dropped_ratio, 0) as rule_score,
    coalesce(
        judged.dropped_ratio >= judged.least_ratio
        or judged.dropped_ratio >= judged.least_active_ratio and judged.is_less_active,
        false
    ) as is_rule_raised,
    judged.lost_ratio >= judged.least_ratio
    or judged.lost_ratio >= judged.least_active_ratio and judged.becomes_less_active
        as is_lost
from intermediate.int_attrition_features as features
inner join judged
    on features.customer_key = judged.customer_key
    and features.month_start = judged.month_start
where judged.later_amount is not null
order by features.month_start, features.customer_key
