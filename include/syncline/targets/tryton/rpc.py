"""Tryton's JSON-RPC: one POST a call, a business error inside a 200.

Source: trytond 8.2.1, ``protocols/jsonrpc.py`` and ``protocols/dispatcher.py``; answers as seen on a running server.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import fastjsonschema

from syncline.errors import ConfigurationError, PartnerContractBroken, PartnerUnavailable
from syncline.targets.http import AUTH_REFUSED, OK, SLOW_DOWN, LoginRefused, NoAnswer, NotSent, TargetHttp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from syncline.targets.http import Answer

TOLD_MAX = 200
LEFT_MIN_S = 0.05
LOCKED = 423
NO_DATABASE = 404
SERVER_ERROR = 500
# What the server says of a call whose transaction it has rolled back.
BUSINESS = ("UserError", "UserWarning")
CONCURRENCY = "ConcurrencyException"
# Decided before a method is called, or, for 423, instead of its commit.
NOT_EXECUTED = (401, 403, LOCKED, SLOW_DOWN)
# Without it, 8.2.1 says ``Content-Encoding: gzip`` over a plain body as soon as an answer has 1,400 characters.
HEADERS = {"Accept-Encoding": "gzip"}


class RpcError(Exception):
    """A complete answer that is no result. ``name``: the server's class of error, or ``http_<status>``."""

    def __init__(self, name: str, told: str, answer: Answer) -> None:
        super().__init__(name)
        self.name, self.told = name, told
        self.status_code, self.retry_after_s = answer.status_code, answer.retry_after_s

    @property
    def is_refusal(self) -> bool:
        """The document is at fault, or the user; rolled back."""
        return self.name in BUSINESS

    @property
    def is_not_executed(self) -> bool:
        """Nothing was done; the same may be well later."""
        return self.name == CONCURRENCY or self.status_code in NOT_EXECUTED


class Rpc:
    """Calls of one user in one database, all of them inside a block ``within``."""

    def __init__(self, http: TargetHttp, path: str) -> None:
        self._http, self._path = http, path
        self._ends_s = 0.0
        self.context: dict[str, Any] = {}

    @property
    def target(self) -> str:
        return self._http.target

    @contextmanager
    def within(self, timeout_s: float) -> Iterator[None]:
        """All calls of the block together take no longer."""
        self._ends_s = time.monotonic() + timeout_s
        yield

    def call(self, method: str, *params: Any, context: dict[str, Any] | None = None) -> Any:
        """The result of ``model.<method>``; the context goes last, as the server wants it.

        Raises:
            NoAnswer: whether it was executed is not known.
            NotSent, LoginRefused: it was not.
            RpcError: see there.
        """
        left_s = self._ends_s - time.monotonic()
        if left_s < LEFT_MIN_S:
            raise NotSent(
                f"Target {self.target}: no time is left for {method}.",
                next_step="Raise timeout_s of the target, or lower its lines_max.",
                target=self.target,
            )
        body = {"id": 1, "method": f"model.{method}", "params": [*params, self.context | (context or {})]}
        return _result(self._http.call("POST", self._path, timeout_s=left_s, body=body, headers=HEADERS))

    def read(
        self, method: str, *params: Any, validate: Callable[[Any], Any], context: dict[str, Any] | None = None
    ) -> Any:
        """``call`` for what only reads.

        Raises:
            PartnerUnavailable, ConfigurationError, PartnerContractBroken: see ``syncline.targets.contract.Adapter``.
        """
        try:
            return validate(self.call(method, *params, context=context))
        except LoginRefused:
            raise
        except (NoAnswer, NotSent) as error:
            raise PartnerUnavailable(
                error.message, next_step=error.next_step, retry_after_s=error.retry_after_s, target=self.target
            ) from None
        except RpcError as error:
            raise self._readable(method, error) from None
        except fastjsonschema.JsonSchemaValueException as error:
            raise PartnerContractBroken(
                f"Target {self.target} answers {method} outside of its contract: {error.message[:TOLD_MAX]}.",
                next_step="Compare the server's version with that of docs/reference/targets/tryton.md.",
                target=self.target,
            ) from None

    def _readable(
        self, method: str, error: RpcError
    ) -> PartnerUnavailable | ConfigurationError | PartnerContractBroken:
        what = f"Target {self.target} answers {error.name} to {method}: {error.told or 'no more is said'}."
        if error.name == CONCURRENCY or error.status_code in (SLOW_DOWN, LOCKED) or error.status_code >= SERVER_ERROR:
            return PartnerUnavailable(
                what, next_step="Nothing to do: the next run asks again.", retry_after_s=error.retry_after_s
            )
        if error.is_refusal or error.status_code in (*AUTH_REFUSED, NO_DATABASE):
            return ConfigurationError(
                what, next_step="Give the user the rights of docs/reference/targets/tryton.md.", target=self.target
            )
        return PartnerContractBroken(
            what, next_step="Check the address and that the module stock is activated.", target=self.target
        )


def _result(answer: Answer) -> Any:
    body = answer.body if isinstance(answer.body, dict) else {}
    if answer.status_code == OK and "result" in body and "error" not in body:
        return body["result"]
    match body.get("error") if answer.status_code == OK else None:
        case ["UserWarning", [_, str(told), *_]]:
            raise RpcError("UserWarning", _line(told), answer)
        case ["UserError", [str(told), *_]]:
            raise RpcError("UserError", _line(told), answer)
        case [str(name), str(told)] if name == CONCURRENCY:
            raise RpcError(name, _line(told), answer)
        case [str(told), *_]:  # an exception of the server's own: its text and its traceback
            raise RpcError("InternalError", _line(told), answer)
        case _:
            raise RpcError(f"http_{answer.status_code}", "", answer)


def _line(told: str) -> str:
    return " ".join(told[:TOLD_MAX].split())
