"""What a person on call does in Airflow, through the same REST API as its UI: look, read logs, clear."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

import requests

from syncline.runtime.credentials import ADMIN

REQUEST_S = 30.0
PAGE = 100
LOOK_S = 0.2
Found = TypeVar("Found")
Row = dict[str, Any]


def eventually(look: Callable[[], Found | None], what: str, within_s: float) -> Found:
    """What ``look`` finds, as soon as it finds something; fails after ``within_s`` real seconds."""
    end = time.monotonic() + within_s
    while not (found := look()):
        assert time.monotonic() < end, f"{what}: not within {within_s:.0f} s"
        time.sleep(LOOK_S)
    return found


class OnCall:
    """A logged-in user of the Airflow at ``address``. A TaskInstance ("task") is a row of the API, as it comes."""

    def __init__(self, address: str, password: str) -> None:
        self._address = address
        self._session = requests.Session()
        login = {"username": ADMIN, "password": password}
        answer = self._session.post(f"{address}/auth/token", json=login, timeout=REQUEST_S)
        answer.raise_for_status()
        self._session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def close(self) -> None:
        self._session.close()

    def runs(self, dag_id: str, count: int = PAGE, **filters: str) -> list[Row]:
        """The newest runs first."""
        found = self._get(f"dags/{dag_id}/dagRuns", order_by="-run_after", limit=str(count), **filters)
        return list(found["dag_runs"])

    def tasks(self, dag_id: str, run_id: str = "~", **filters: str) -> list[Row]:
        """Task instances of one run, or of all (`~`), all pages."""
        rows: list[Row] = []
        while True:
            page = self._get(
                f"dags/{dag_id}/dagRuns/{run_id}/taskInstances", limit=str(PAGE), offset=str(len(rows)), **filters
            )
            rows += page["task_instances"]
            if not page["task_instances"] or len(rows) >= page["total_entries"]:
                return rows

    def task(self, dag_id: str, run_id: str, task_id: str) -> Row:
        return self._get(f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}")

    def clear(self, dag_id: str, run_id: str, *task_ids: str, downstream: bool = False) -> int:
        """Clear the named tasks, whatever their state; how many were cleared."""
        body = {
            "dry_run": False,
            "only_failed": False,
            "dag_run_id": run_id,
            "task_ids": list(task_ids),
            "include_downstream": downstream,
        }
        url = f"{self._address}/api/v2/dags/{dag_id}/clearTaskInstances"
        answer = self._session.post(url, json=body, timeout=REQUEST_S)
        assert answer.ok, f"{answer.status_code} {answer.text[:300]}"
        return int(answer.json()["total_entries"])

    def questions(self, dag_id: str) -> list[Row]:
        """Questions of the DAG that wait for an answer, each with its ``task_instance``."""
        found = self._get(f"dags/{dag_id}/dagRuns/~/hitlDetails", state="awaiting_input", response_received="false")
        return list(found["hitl_details"])

    def answer(self, question: Row, option: str, **params: str) -> Row:
        """Answer a question as the logged-in user."""
        path = "dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/{map_index}/hitlDetails"
        url = f"{self._address}/api/v2/{path.format_map(question['task_instance'])}"
        body = {"chosen_options": [option], "params_input": params}
        answer = self._session.patch(url, json=body, timeout=REQUEST_S)
        assert answer.ok, f"{answer.status_code} {answer.text[:300]}"
        return dict(answer.json())

    def log(self, task: Row, try_number: int) -> list[Row]:
        """One try's log as the UI shows it: rows with ``event``, ``level``, and ``error_detail`` for a traceback."""
        path = "dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/logs/".format_map(task)
        return [
            row for row in self._get(f"{path}{try_number}", full_content="true")["content"] if isinstance(row, dict)
        ]

    def wait_for_run(self, dag_id: str, run_id: str, within_s: float) -> str:
        """Final state of the run."""

        def look() -> str | None:
            state = str(self._get(f"dags/{dag_id}/dagRuns/{run_id}")["state"])
            return state if state in ("success", "failed") else None

        return eventually(look, f"{dag_id} {run_id} ends", within_s)

    def _get(self, path: str, **parameters: str) -> Row:
        answer = self._session.get(f"{self._address}/api/v2/{path}", params=parameters, timeout=REQUEST_S)
        assert answer.ok, f"{path}: {answer.status_code} {answer.text[:300]}"
        return dict(answer.json())
