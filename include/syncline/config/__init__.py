"""Rules as data: CSV files under ``dbt_project/seeds``, checked, then appended as versions to ``ops``."""

from syncline.config.apply import Applied, apply
from syncline.config.files import read_folder

__all__ = ["Applied", "apply", "read_folder"]
