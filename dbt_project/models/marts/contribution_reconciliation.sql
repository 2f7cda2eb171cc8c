-- One row per month and line of the waterfall, and one for the whole of it.
{%- set lines = {
    'deposit_interest': 1,
    'loan_interest': 1,
    'fee': 1,
    'cost_to_serve': -1,
    'expected_loss': -1,
    'tax': -1,
    'capital_charge': -1,
} %}
with ledger_months as (
    select * from {{ ref('int_ledger_months') }}
),

ledger_totals as (
    select * from {{ ref('int_ledger_totals') }}
),

-- Added up where they are read: a copy of all months costs more than two scans.
account_contributions as not materialized (
    select * from {{ ref('int_account_contributions') }}
),

accounts as (
    select * from {{ ref('int_accounts') }}
),

account_owners as (
    select * from {{ ref('int_account_owners') }}
),

record_months as not materialized (
    select * from {{ ref('int_record_months') }}
),

bridge as (
    select * from {{ source('identity', 'customer_identity') }}
),

contributions as (
    select * from {{ ref('customer_contribution_monthly') }}
),

exchange_days as (
    select * from {{ ref('int_exchange_days') }}
),

tax_terms as (
    select * from {{ ref('tax_terms') }}
),

reconciliation_terms as (
    select * from {{ ref('reconciliation_terms') }}
),

loaded_partitions as (
    select * from {{ source('ops', 'loaded_partitions') }}
    where channel = 'core_banking'
),

rejects as (
    select * from {{ source('ops', 'rejects') }}
    where channel = 'core_banking'
),

-- What stands in the books, by line.
ledger_interest as (
    select
        month_start,
        min(day_count) as day_count,
        max(told_day_count) as told_day_count,
        coalesce(
            sum(ledger_funding_amount - ledger_interest_amount)
            filter (where side_code = 'deposit'), 0
        ) as deposit_interest_amount,
        coalesce(
            sum(ledger_interest_amount - ledger_funding_amount)
            filter (where side_code = 'loan'), 0
        ) as loan_interest_amount,
        coalesce(sum(ledger_expected_loss_amount), 0) as expected_loss_amount,
        coalesce(sum(ledger_capital_charge_amount), 0) as capital_charge_amount
    from ledger_months
    group by month_start
),

ledger_fees as (
    select
        {{ month_start('ledger_totals.business_date') }} as month_start,
        sum(
            {{ in_own_currency('ledger_totals.amount', 'ledger_totals.currency_code') }}
        )
            as fee_amount
    from ledger_totals
    left join exchange_days
        on
            ledger_totals.currency_code = exchange_days.currency_code
            and ledger_totals.business_date = exchange_days.on_date
    where ledger_totals.ledger_line_code = 'fee_income'
    group by {{ month_start('ledger_totals.business_date') }}
),

-- What all accounts and interactions come to, and those among them without a customer:
-- few, so that theirs are looked up, and not everyone's.
unowned_accounts as (
    select account_id from accounts
    where account_id not in (select account_owners.account_id from account_owners)
),

unowned_records as (
    select record_id from bridge
    where customer_key is null
),

all_sums as (
    {%- for side in ['all', 'unowned'] %}
        select
            month_start,
            '{{ side }}' as side_code,
            sum(deposit_interest_amount) as deposit_interest_amount,
            sum(loan_interest_amount) as loan_interest_amount,
            0 as fee_amount,
            0 as cost_to_serve_amount,
            sum(expected_loss_amount) as expected_loss_amount,
            sum(capital_charge_amount) as capital_charge_amount
        from account_contributions
        {%- if side == 'unowned' %}
            where
                account_id in (
                    select unowned_accounts.account_id from unowned_accounts
                )
        {%- endif %}
        group by month_start
        union all
        select
            month_start,
            '{{ side }}' as side_code,
            0 as deposit_interest_amount,
            0 as loan_interest_amount,
            coalesce(
                sum(total_amount) filter (
                    where activity_code in ('fee', 'penalty_interest')
                ), 0
            ) as fee_amount,
            sum(cost_to_serve_amount) as cost_to_serve_amount,
            0 as expected_loss_amount,
            0 as capital_charge_amount
        from record_months
        {%- if side == 'unowned' %}
            where
                record_id in (select unowned_records.record_id from unowned_records)
        {%- endif %}
        group by month_start
        {{- "\n        union all" if not loop.last }}
    {%- endfor %}
),

sides as (
    select
        ledger_interest.month_start,
        'ledger' as side_code,
    {%- for line in lines if line != 'tax' %}
        {%- if line == 'fee' %}
            coalesce(ledger_fees.fee_amount, 0) as fee_amount
        {%- elif line == 'cost_to_serve' %}
            0 as cost_to_serve_amount
        {%- else %}
            ledger_interest.{{ line }}_amount
        {%- endif %}
        {{- "," if not loop.last }}
    {%- endfor %}
    from ledger_interest
    left join ledger_fees on ledger_interest.month_start = ledger_fees.month_start
    where ledger_interest.told_day_count > 0
    union all
    -- No ledger account holds standard costs: their total is that of all interactions.
    select
        all_sums.month_start,
        'ledger' as side_code,
    {%- for line in lines if line != 'tax' %}
        {{ 'all_sums.cost_to_serve_amount' if line == 'cost_to_serve'
            else '0 as ' ~ line ~ '_amount' }}
        {{- "," if not loop.last }}
    {%- endfor %}
    from all_sums
    inner join ledger_interest on all_sums.month_start = ledger_interest.month_start
    where all_sums.side_code = 'all' and ledger_interest.told_day_count > 0
    union all
    select
        month_start,
        side_code,
    {%- for line in lines if line != 'tax' %}
        {{ line }}_amount
        {{- "," if not loop.last }}
    {%- endfor %}
    from all_sums
),

summed as (
    select
        month_start,
        side_code,
    {%- for line in lines if line != 'tax' %}
        cast(sum({{ line }}_amount) as decimal(28, 8)) as {{ line }}_amount
        {{- "," if not loop.last }}
    {%- endfor %}
    from sides
    group by month_start, side_code
),

taxed as (
    select
        summed.*,
        cast(
            cast(
                summed.deposit_interest_amount
                + summed.loan_interest_amount
                + summed.fee_amount
                - summed.cost_to_serve_amount
                - summed.expected_loss_amount as double
            ) * cast(coalesce(tax_terms.tax_ratio, 0) as double) as decimal(28, 8)
        ) as tax_amount
    from summed
    left join tax_terms
        on
            summed.month_start >= tax_terms.valid_from
            and summed.month_start < tax_terms.valid_to
),

customer_sums as (
    select
        month_start,
        'customer' as side_code,
    {%- for line in lines %}
        sum({{ line }}_amount) as {{ line }}_amount
        {{- "," if not loop.last }}
    {%- endfor %}
    from contributions
    group by month_start
),

by_line as (
    {%- for line in lines %}
        {%- for relation in ['taxed', 'customer_sums'] %}
            select
                month_start,
                side_code,
                '{{ line }}' as line_code,
                {{ lines[line] }} as line_sign,
                cast({{ line }}_amount as decimal(28, 8)) as line_amount
            from {{ relation }}
            {{- "\n            union all" if not loop.last }}
        {%- endfor %}
        {{- "\n        union all" if not loop.last }}
    {%- endfor %}
),

-- What was rejected is missing from the accounts' side, and nobody knows what it was
-- worth.
rejected as (
    select
        feed,
        business_date,
        count(distinct source_file || ' ' || source_line) as rejected_rows
    from rejects
    group by feed, business_date
),

delivered as (
    select
        loaded_partitions.feed,
        loaded_partitions.business_date,
        loaded_partitions.landed_rows,
        coalesce(rejected.rejected_rows, 0) as rejected_rows
    from loaded_partitions
    left join rejected
        on
            loaded_partitions.feed = rejected.feed
            and loaded_partitions.business_date = rejected.business_date
),

latest_register as (
    select
        cast(rejected_rows as double) / nullif(landed_rows + rejected_rows, 0)
            as rejected_ratio
    from delivered
    where feed = 'accounts'
    qualify row_number() over (order by business_date desc) = 1
),

rejected_months as (
    select
        month_start,
        sum(rejected_ratio) as rejected_ratio
    from (
        select
            {{ month_start('business_date') }} as month_start,
            feed,
            cast(sum(rejected_rows) as double)
            / nullif(sum(landed_rows + rejected_rows), 0) as rejected_ratio
        from delivered
        where feed in ('balances', 'postings')
        group by {{ month_start('business_date') }}, feed
    ) as by_feed
    group by month_start
),

with_whole as (
    select
        month_start,
        side_code,
        line_code,
        line_amount
    from by_line
    union all
    select
        month_start,
        side_code,
        'contribution' as line_code,
        sum(line_sign * line_amount) as line_amount
    from by_line
    group by month_start, side_code
),

pivoted as (
    select
        month_start,
        line_code,
        cast(sum(line_amount) filter (where side_code = 'ledger') as decimal(18, 2))
            as ledger_amount,
        cast(
            coalesce(sum(line_amount) filter (where side_code = 'customer'), 0)
            as decimal(18, 2)
        ) as customer_amount,
        cast(
            coalesce(sum(line_amount) filter (where side_code = 'unowned'), 0)
            as decimal(18, 2)
        ) as unowned_amount,
        cast(
            coalesce(sum(line_amount) filter (where side_code = 'all'), 0)
            as decimal(18, 2)
        ) as all_amount
    from with_whole
    group by month_start, line_code
),

grossed as (
    select
        pivoted.*,
        sum(abs(pivoted.ledger_amount)) filter (
            where pivoted.line_code <> 'contribution'
        ) over (partition by pivoted.month_start) as gross_amount
    from pivoted
),

bounded as (
    select
        grossed.*,
        coalesce(rejected_months.rejected_ratio, 0)
        + coalesce(latest_register.rejected_ratio, 0) as rejected_ratio,
        reconciliation_terms.most_unexplained_ratio,
        reconciliation_terms.rejected_row_weight
    from grossed
    left join rejected_months on grossed.month_start = rejected_months.month_start
    left join latest_register on true
    left join reconciliation_terms
        on
            grossed.month_start >= reconciliation_terms.valid_from
            and grossed.month_start < reconciliation_terms.valid_to
),

judged as (
    select
        bounded.month_start,
        bounded.line_code,
        bounded.ledger_amount,
        bounded.customer_amount,
        bounded.unowned_amount,
        cast(
            bounded.all_amount - bounded.customer_amount - bounded.unowned_amount
            as decimal(18, 2)
        ) as rounding_amount,
        cast(bounded.ledger_amount - bounded.all_amount as decimal(18, 2))
            as unexplained_amount,
        cast(
            abs(bounded.ledger_amount - bounded.all_amount)
            / nullif(cast(bounded.gross_amount as double), 0) as double
        ) as unexplained_ratio,
        cast(bounded.most_unexplained_ratio as double) as most_unexplained_ratio,
        cast(bounded.rejected_ratio * bounded.rejected_row_weight as double)
            as rejected_ratio,
        ledger_interest.day_count,
        cast(ledger_interest.told_day_count as bigint) as told_day_count
    from bounded
    left join ledger_interest on bounded.month_start = ledger_interest.month_start
),

contribution_reconciliation as (
    select
        month_start,
        line_code,
        ledger_amount,
        customer_amount,
        unowned_amount,
        rounding_amount,
        unexplained_amount,
        unexplained_ratio,
        most_unexplained_ratio,
        rejected_ratio,
        day_count,
        told_day_count,
        case
            when coalesce(told_day_count < day_count, true) then 'not_told'
            when coalesce(unexplained_ratio, 0) <= most_unexplained_ratio
                then 'reconciled'
            when unexplained_ratio <= most_unexplained_ratio + rejected_ratio
                then 'rejected_rows'
            else 'unexplained'
        end as reconciliation_code,
        '{{ var("currency_code") }}' as currency_code
    from judged
)

select * from contribution_reconciliation
order by month_start, line_code
