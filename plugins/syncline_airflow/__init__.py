"""Airflow-facing code: connections, retries, schedules, DAG factories. Decisions and partners live in ``syncline``."""
