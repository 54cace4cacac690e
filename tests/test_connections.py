"""Connections by Airflow's convention, JSON or URI, without a secret in sight."""

from __future__ import annotations

import json

import pytest

from syncline.connections import connection
from syncline.errors import ConfigurationError


def define(monkeypatch: pytest.MonkeyPatch, value: object) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_ERP", value if isinstance(value, str) else json.dumps(value))


def test_json_and_uri_say_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    define(
        monkeypatch,
        {"conn_type": "postgres", "host": "db", "port": "5432", "login": "u", "password": "p/w", "schema": "s"},
    )
    from_json = connection("erp")
    define(monkeypatch, "postgres://u:p%2Fw@db:5432/s")
    assert connection("erp") == from_json
    assert from_json.postgres_dsn() == "postgresql://u:p%2Fw@db:5432/s"
    assert from_json.postgres_dsn("+psycopg2").startswith("postgresql+psycopg2://")


@pytest.mark.parametrize(
    ("host", "schema", "url"),
    [("erp.example", "https", "https://erp.example:443"), ("https://erp.example", "", "https://erp.example:443")],
)
def test_the_address_of_an_api(monkeypatch: pytest.MonkeyPatch, host: str, schema: str, url: str) -> None:
    define(monkeypatch, {"conn_type": "http", "host": host, "port": 443, "schema": schema})
    assert connection("erp").base_url() == url


def test_extra_may_be_text_or_an_object(monkeypatch: pytest.MonkeyPatch) -> None:
    for extra in ({"host_key": "k"}, json.dumps({"host_key": "k"})):
        define(monkeypatch, {"conn_type": "sftp", "extra": extra})
        assert connection("erp").extra == {"host_key": "k"}


def test_no_secret_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    define(monkeypatch, {"conn_type": "http", "password": "hidden", "extra": {"private_key": "hidden"}})
    assert "hidden" not in repr(connection("erp"))


@pytest.mark.parametrize("value", ['{"port": "hidden"}', '{"conn_type": ', '{"extra": "hidden"}', "http://h:hidden/x"])
def test_an_unreadable_value_is_named_and_not_repeated(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    define(monkeypatch, value)
    with pytest.raises(ConfigurationError, match="AIRFLOW_CONN_ERP") as caught:
        connection("erp")
    assert "hidden" not in str(caught.value)


def test_a_missing_one_says_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_ERP", raising=False)
    with pytest.raises(ConfigurationError, match="Set AIRFLOW_CONN_ERP"):
        connection("erp")
