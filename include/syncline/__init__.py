"""Syncline: one true stock number when a real-time API and a batch EDI file disagree.

The package imports no Airflow. `plugins/` opens Airflow connections and hands clients in; the command
line builds the same clients from the same ``AIRFLOW_CONN_*`` variables.
"""

__version__ = "0.1.0"
