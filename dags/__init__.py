"""The night's schedule in Airflow; the only package that imports it."""
