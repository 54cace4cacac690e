"""HTTP to a target: what its answers mean to us. No retry of its own; limits are those of ``partner_http``."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from syncline.errors import ConfigurationError, PartnerContractBroken, PartnerUnavailable, RetryableError
from syncline.partner_http import CallFailed, PartnerHttp

BODY_MAX_BYTES = 4_000_000
RETRY_AFTER_MAX_S = 300.0
OK = 200
AUTH_REFUSED = (401, 403)
SLOW_DOWN = 429
SERVER_ERROR = 500


@dataclass(frozen=True)
class Answer:
    """A complete answer; ``body`` is parsed JSON, None when it is not JSON or says a key twice."""

    status_code: int
    body: Any
    retry_after_s: float | None


class NoAnswer(RetryableError):
    """Closed, timed out, cut short, too large: whether the request took effect is not known."""


class TargetHttp:
    """One target's server. Not shared between threads."""

    def __init__(self, target: str, base_url: str, token: str) -> None:
        self.target = target
        self._http = PartnerHttp(base_url, token)

    def close(self) -> None:
        self._http.close()

    def call(
        self,
        method: str,
        path: str,
        *,
        timeout_s: float,
        params: dict[str, int] | None = None,
        body: Any = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """One request.

        Raises:
            NoAnswer: nothing usable came back inside ``timeout_s``.
        """
        try:
            answer = self._http.call(
                method, path, timeout_s=timeout_s, bytes_max=BODY_MAX_BYTES, params=params, body=body, headers=headers
            )
        except CallFailed as error:
            raise NoAnswer(
                f"Target {self.target} gave no answer ({error.why}).",
                next_step="Check that it runs; the next run goes on by itself.",
                target=self.target,
            ) from None
        wait_s = answer.retry_after_s
        return Answer(
            answer.status_code, _json(answer.content), None if wait_s is None else min(wait_s, RETRY_AFTER_MAX_S)
        )

    def get_page(self, path: str, params: dict[str, int], *, timeout_s: float) -> Any:
        """A GET whose only good answer is 200 with JSON.

        Raises:
            PartnerUnavailable: no answer, 429 or 5xx; carries ``retry_after_s``.
            ConfigurationError: the token is refused.
            PartnerContractBroken: any other answer.
        """
        try:
            answer = self.call("GET", path, timeout_s=timeout_s, params=params)
        except NoAnswer as error:
            raise PartnerUnavailable(error.message, next_step=error.next_step, target=self.target) from None
        if answer.status_code == SLOW_DOWN or answer.status_code >= SERVER_ERROR:
            raise PartnerUnavailable(
                f"Target {self.target} answers {answer.status_code} to GET {path}.",
                next_step="Nothing to do: the next run goes on from the same position.",
                retry_after_s=answer.retry_after_s,
                target=self.target,
            )
        if answer.status_code in AUTH_REFUSED:
            raise ConfigurationError(
                f"Target {self.target} refuses our token ({answer.status_code}).",
                next_step=f"Put a valid token into connection {self.target!r}.",
                target=self.target,
            )
        if answer.status_code != OK or answer.body is None:
            raise PartnerContractBroken(
                f"Target {self.target} answers {answer.status_code} without the promised JSON to GET {path}.",
                next_step="Check the address of the connection and the partner's release notes.",
                target=self.target,
            )
        return answer.body


def _json(content: bytes) -> Any:
    try:
        return json.loads(content, parse_constant=_refuse_constant, object_pairs_hook=_object)
    except (ValueError, RecursionError):
        return None


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a key stands twice")
    return made
