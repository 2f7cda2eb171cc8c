-- One row per channel, business date, kind of time and band with a contact: counts add
-- up over days, as percentiles do not.
{%- set times = {'wait': 'wait_seconds', 'handling': 'duration_seconds'} %}
{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        on_schema_change='fail',
        pre_hook="{{ forget_from('business_date', contacts_earliest()) }}"
    )
}}

-- depends_on: {{ ref('restated_from') }}
-- depends_on: {{ ref('customer_fingerprints') }}

with service_contacts as (
    select * from {{ ref('service_contacts') }}
    {% if is_incremental() %}
        where business_date >= {{ contacts_earliest() }}
    {% endif %}
),

bands as (
    select * from {{ ref('service_bands') }}
),

timed as (
    {%- for code, column in times.items() %}
        select
            channel,
            business_date,
            '{{ code }}' as time_code,
            {{ column }} as seconds,
            count(*) as contact_count
        from service_contacts
        where {{ column }} is not null
        group by channel, business_date, {{ column }}
        {{- "\n    union all" if not loop.last }}
    {%- endfor %}
),

service_times as (
    select
        timed.channel,
        timed.business_date,
        timed.time_code,
        bands.band_number,
        bands.from_seconds,
        bands.to_seconds,
        cast(sum(timed.contact_count) as bigint) as contact_count
    from timed
    inner join bands
        on
            timed.seconds >= bands.from_seconds
            and timed.seconds < coalesce(bands.to_seconds, timed.seconds + 1)
    group by
        timed.channel,
        timed.business_date,
        timed.time_code,
        bands.band_number,
        bands.from_seconds,
        bands.to_seconds
)

select * from service_times
order by channel, time_code, business_date, band_number
