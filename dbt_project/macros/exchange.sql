{#- An amount in the bank's currency, null where no rate is known. The rates of its day
    are joined as exchange_days. -#}
{% macro in_own_currency(amount, currency_code) -%}
    case
        when {{ currency_code }} = '{{ var("currency_code") }}'
            then cast({{ amount }} as decimal(28, 4))
        else
            cast(
                cast({{ amount }} as double)
                * cast(exchange_days.exchange_ratio as double) as decimal(28, 4)
            )
    end
{%- endmacro %}

{#- An amount times the days from first_date until before end_date, in the bank's currency
    at the rate of each day, null where no rate is known. The days of both are joined as
    at_first and at_end (join_exchange_ends). What is shown to the cent without a further
    sum needs more than four digits: rounded twice, 0.00499 is a cent. -#}
{% macro days_in_own_currency(amount, piece, digits=4) -%}
    case
        when {{ piece }}.currency_code = '{{ var("currency_code") }}'
            then cast(
                {{ amount }}
                * {{ days_between(piece ~ '.first_date', piece ~ '.end_date') }}
                as decimal(28, {{ digits }})
            )
        else
            cast(
                cast({{ amount }} as double)
                * cast(
                    at_end.earlier_ratio_days - at_first.earlier_ratio_days as double
                ) as decimal(28, {{ digits }})
            )
    end
{%- endmacro %}

{#- The days of exchange_days that a piece of time begins and ends on. -#}
{% macro join_exchange_ends(piece) -%}
    left join exchange_days as at_first
        on
            {{ piece }}.currency_code = at_first.currency_code
            and {{ piece }}.first_date = at_first.on_date
    left join exchange_days as at_end
        on
            {{ piece }}.currency_code = at_end.currency_code
            and {{ piece }}.end_date = at_end.on_date
{%- endmacro %}
