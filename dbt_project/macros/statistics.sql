{#- The number that a standard normal variable is below with a probability between 0 and 1
    (P. J. Acklam's rational approximation, relative error 1.2e-9). -#}
{% macro normal_quantile(p) -%}
    case
        when {{ p }} < 0.02425
            then {{ _quantile_tail('sqrt(-2 * ln(' ~ p ~ '))') }}
        when {{ p }} > 0.97575
            then -({{ _quantile_tail('sqrt(-2 * ln(1 - ' ~ p ~ '))') }})
        else {{ _quantile_middle('(' ~ p ~ ' - 0.5)') }}
    end
{%- endmacro %}

{% macro _quantile_tail(q) -%}
    {{ polynomial(q, [
        -7.784894002430293e-03, -3.223964580411365e-01, -2.400758277161838e+00,
        -2.549732539343734e+00, 4.374664141464968e+00, 2.938163982698783e+00
    ]) }} / {{ polynomial(q, [
        7.784695709041462e-03, 3.224671290700398e-01, 2.445134137142996e+00,
        3.754408661907416e+00, 1
    ]) }}
{%- endmacro %}

{% macro _quantile_middle(q) -%}
    {%- set r = '(' ~ q ~ ' * ' ~ q ~ ')' -%}
    {{ q }} * {{ polynomial(r, [
        -3.969683028665376e+01, 2.209460984245205e+02, -2.759285104469687e+02,
        1.383577518672690e+02, -3.066479806614716e+01, 2.506628277459239e+00
    ]) }} / {{ polynomial(r, [
        -5.447609879822406e+01, 1.615858368580409e+02, -1.556989798598866e+02,
        6.680131188771972e+01, -1.328068155288572e+01, 1
    ]) }}
{%- endmacro %}

{#- The probability of a standard normal variable further from 0 than z on either side
    (J. F. Hart's algorithm 5666, as given by G. West, 2005). -#}
{% macro two_sided_p(z) -%}
    2 * exp(-{{ z }} * {{ z }} / 2) * case
        when abs({{ z }}) >= 7
            then 1 / (2.506628274631 * (abs({{ z }}) + 1 / (abs({{ z }}) + 2 / (
                abs({{ z }}) + 3 / (abs({{ z }}) + 4 / (abs({{ z }}) + 0.65))))))
        else {{ polynomial('abs(' ~ z ~ ')', [
            3.52624965998911e-02, 0.700383064443688, 6.37396220353165,
            33.912866078383, 112.079291497871, 221.213596169931, 220.206867912376
        ]) }} / {{ polynomial('abs(' ~ z ~ ')', [
            8.83883476483184e-02, 1.75566716318264, 16.064177579207,
            86.7807322029461, 296.564248779674, 637.333633378831, 793.826512519948,
            440.413735824752
        ]) }}
    end
{%- endmacro %}

{#- A polynomial by its coefficients, that of the highest power first. -#}
{% macro polynomial(x, coefficients) -%}
    {%- set nested = namespace(sql='(' ~ coefficients[0] ~ ')') -%}
    {%- for coefficient in coefficients[1:] -%}
        {%- set nested.sql = '(' ~ nested.sql ~ ' * ' ~ x ~ ' + (' ~ coefficient ~ '))' -%}
    {%- endfor -%}
    {{ nested.sql }}
{%- endmacro %}

{#- The lower (sign -) or upper (+) end of Wilson's score interval of a ratio. -#}
{% macro wilson_end(ratio, count, z, sign) -%}
    (
        {{ ratio }} + {{ z }} * {{ z }} / (2 * {{ count }})
        {{ sign }} {{ z }} * sqrt(
            {{ ratio }} * (1 - {{ ratio }}) / {{ count }}
            + {{ z }} * {{ z }} / (4.0 * {{ count }} * {{ count }})
        )
    ) / (1 + {{ z }} * {{ z }} / {{ count }})
{%- endmacro %}

{#- How unlikely the difference of two ratios is by chance: standard errors of the pooled
    ratio, with Yates' correction for counts, which are whole; null where all or none did. -#}
{% macro ratios_z(hits, count, other_hits, other_count) -%}
    greatest(
        abs({{ hits }} / {{ count }} - {{ other_hits }} / {{ other_count }})
        - (1.0 / {{ count }} + 1.0 / {{ other_count }}) / 2, 0
    ) / nullif(sqrt(
        ({{ hits }} + {{ other_hits }}) / ({{ count }} + {{ other_count }})
        * (1 - ({{ hits }} + {{ other_hits }}) / ({{ count }} + {{ other_count }}))
        * (1.0 / {{ count }} + 1.0 / {{ other_count }})
    ), 0)
{%- endmacro %}

{#- Holm's correction: a probability such that all verdicts of a family by it are right at
    the confidence of one. In two steps: the rank from the least, then the running maximum. -#}
{% macro holm_rank(p, family, order) -%}
    row_number() over (partition by {{ family }} order by {{ p }}, {{ order }})
{%- endmacro %}

{% macro holm_adjusted(p, rank, family_count, family) -%}
    least(1.0, max({{ p }} * ({{ family_count }} - {{ rank }} + 1)) over (
        partition by {{ family }} order by {{ rank }}
        rows between unbounded preceding and current row
    ))
{%- endmacro %}
