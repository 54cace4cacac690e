"""HTTP to a target: what its answers mean to us. No retry of its own; limits are those of ``partner_http``."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from syncline.errors import ConfigurationError, PartnerContractBroken, PartnerUnavailable, RetryableError
from syncline.partner_http import Answer as PartnerAnswer
from syncline.partner_http import CallFailed, PartnerHttp
from syncline.targets.governance.governor import Heard, Ungoverned

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from requests.auth import AuthBase

    from syncline.targets.governance.governor import Governor

BODY_MAX_BYTES = 4_000_000
RETRY_AFTER_MAX_S = 300.0
OK = 200
UNAUTHORIZED = 401
AUTH_REFUSED = (401, 403)
SLOW_DOWN = 429
SERVER_ERROR = 500


@dataclass(frozen=True)
class Answer:
    """A complete answer; ``body`` is parsed JSON, None when it is not JSON or says a key twice."""

    status_code: int
    body: Any
    retry_after_s: float | None
    headers: Mapping[str, str] = field(default_factory=dict)


class NoAnswer(RetryableError):
    """Closed, timed out, cut short, too large: whether the request took effect is not known."""


class NotSent(RetryableError):
    """The call was not made: the target cannot have done anything."""


class LoginRefused(ConfigurationError):
    """A secret is refused before the call: the target has done nothing."""


class OtherVersion(ConfigurationError):
    """The target speaks another version of its API than the adapter is made for."""


# What a call may end with instead of an answer.
NOT_ANSWERED = (NoAnswer, NotSent, LoginRefused)


@runtime_checkable
class Renewable(Protocol):
    """An auth object whose secret is had from a server, such as a token of OAuth."""

    def ensure(self, timeout_s: float) -> None:
        """Have one that lasts; raises NotSent or LoginRefused."""

    def renew(self) -> bool:
        """Forget it, so that ``ensure`` gets another; False where there is none."""

    def close(self) -> None:
        """Give back the connection that it is had by."""


class TargetHttp:
    """One target's server. Not shared between threads. ``governor`` is asked before each request, also for a token."""

    def __init__(self, target: str, base_url: str, auth: AuthBase, governor: Governor | None = None) -> None:
        self.target = target
        self.governor = governor or Ungoverned()
        self._auth = auth
        self._http = PartnerHttp(base_url, auth)

    def close(self) -> None:
        self._http.close()
        if isinstance(self._auth, Renewable):
            self._auth.close()

    def call(
        self,
        method: str,
        path: str,
        *,
        timeout_s: float,
        params: Mapping[str, str | int] | None = None,
        body: Any = None,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        is_login: bool = False,
    ) -> Answer:
        """One request; a second one where the first was refused for a token that has been renewed since.

        ``is_login``: it asks for a token; whoever asks judges whether the login was refused.

        Raises:
            NoAnswer: nothing usable came back inside ``timeout_s``.
            NotSent: there is no token to call with, or the target's limits leave no room for a call now.
            LoginRefused: the login is refused, by the server of tokens now or by the target before.
        """

        def call(left_s: float) -> PartnerAnswer:
            def request(timeout_s: float) -> PartnerAnswer:
                return self._http.call(
                    method, path, timeout_s=timeout_s, bytes_max=BODY_MAX_BYTES,
                    params=params, body=body, form=form, headers=headers,
                )  # fmt: skip

            return self._permitted(request, left_s, is_login)

        try:
            answer = (
                self._with_token(self._auth, call, timeout_s) if isinstance(self._auth, Renewable) else call(timeout_s)
            )
        except CallFailed as error:
            raise NoAnswer(
                f"Target {self.target} gave no answer ({error.why}).",
                next_step="Check that it runs; the next run goes on by itself.",
                target=self.target,
            ) from None
        if answer.status_code == UNAUTHORIZED and not is_login:
            self.governor.refuse_login()
        wait_s = answer.retry_after_s
        return Answer(
            answer.status_code,
            _json(answer.content),
            None if wait_s is None else min(wait_s, RETRY_AFTER_MAX_S),
            answer.headers,
        )

    def _permitted(self, request: Callable[[float], PartnerAnswer], timeout_s: float, is_login: bool) -> PartnerAnswer:
        """One request by leave of the governor, who hears what came of it. Waiting is part of ``timeout_s``."""
        ends_s = time.monotonic() + timeout_s
        permit = self.governor.take(timeout_s)
        heard: Heard | None = None  # a signal or a defect of ours says nothing of the target
        try:
            answer = request(max(0.001, ends_s - time.monotonic()))
            heard = Heard(answer.status_code, answer.retry_after_s, is_login)
        except CallFailed:
            heard = Heard(is_login=is_login)
            raise
        finally:
            self.governor.give_back(permit, heard)
        return answer

    def _with_token(self, auth: Renewable, call: Callable[[float], PartnerAnswer], timeout_s: float) -> PartnerAnswer:
        ends_s = time.monotonic() + timeout_s

        def left_s() -> float:
            return max(0.001, ends_s - time.monotonic())

        def ensured_call() -> PartnerAnswer:
            try:
                auth.ensure(left_s())
            except NoAnswer as error:
                raise NotSent(error.message, next_step=error.next_step, target=self.target) from None
            except LoginRefused:
                self.governor.refuse_login()
                raise
            return call(left_s())

        answer = ensured_call()
        if answer.status_code == UNAUTHORIZED and auth.renew():
            answer = ensured_call()  # the first was turned away at the door: nothing was executed
        return answer

    def get_page(self, path: str, params: Mapping[str, str | int], *, timeout_s: float) -> Any:
        """A GET whose only good answer is 200 with JSON.

        Raises:
            PartnerUnavailable: no answer, 429, 5xx, or no room in our limits; carries ``retry_after_s``.
            ConfigurationError: the token is refused.
            PartnerContractBroken: any other answer.
        """
        try:
            answer = self.call("GET", path, timeout_s=timeout_s, params=params)
        except (NoAnswer, NotSent) as error:
            raise PartnerUnavailable(
                error.message, next_step=error.next_step, retry_after_s=error.retry_after_s, target=self.target
            ) from None
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
