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
