"""Access tokens of OAuth 2 (RFC 6749 §4.4, §6): had before the first call, before they end, and anew when refused.

No library: theirs open sessions of their own, without our limits over a whole call.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from requests.auth import AuthBase

from syncline.targets.http import LoginRefused, NotSent, TargetHttp

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from requests import PreparedRequest

RENEWED_BEFORE_S = 60.0  # a token must outlive the call that it is sent with
LIFE_S = 300.0  # where the server does not say
LIFE_MAX_S = 86_400.0


class OAuth2(AuthBase):
    """The token of one client.

    ``form`` makes the fields of a token request: grant_type and what it needs. It is called for each, so that an
    assertion is fresh and a rotated secret is used. ``header``: where the token goes, ``Authorization`` as Bearer.
    """

    def __init__(
        self, http: TargetHttp, path: str, form: Callable[[], Mapping[str, str]], header: str = "Authorization"
    ) -> None:
        self._http, self._path, self._form, self._header = http, path, form, header
        self._token = ""
        self._ends_s = 0.0

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        request.headers[self._header] = f"Bearer {self._token}" if self._header == "Authorization" else self._token
        return request

    def ensure(self, timeout_s: float) -> None:
        """Have a token that lasts.

        Raises:
            NotSent: the token server gives none now.
            LoginRefused: it refuses the client.
        """
        if time.monotonic() < self._ends_s - RENEWED_BEFORE_S:
            return
        answer = self._http.call("POST", self._path, timeout_s=timeout_s, form=self._form(), is_login=True)
        if answer.status_code in (400, 401, 403):
            raise LoginRefused(
                f"The token server of {self._http.target} refuses our client ({answer.status_code}).",
                next_step=f"Renew the secrets in connection {self._http.target!r}.",
                target=self._http.target,
            )
        token = answer.body.get("access_token") if isinstance(answer.body, dict) else None
        if answer.status_code != 200 or not isinstance(token, str) or not _is_header(token):
            raise NotSent(
                f"The token server of {self._http.target} answers {answer.status_code} without a token.",
                next_step="Nothing to do: the next run asks again.",
                target=self._http.target,
                retry_after_s=answer.retry_after_s,
            )
        self._token = token
        self._ends_s = time.monotonic() + _life_s(answer.body.get("expires_in"))

    def renew(self) -> bool:
        """Forget the token: the server refused it before its time."""
        was, self._token, self._ends_s = self._token, "", 0.0
        return bool(was)

    def close(self) -> None:
        """Close the connection that tokens come by; asking for one opens it again."""
        self._http.close()


def _life_s(said: object) -> float:
    seconds = float(said) if isinstance(said, str | int) and str(said).isdecimal() and len(str(said)) < 9 else LIFE_S
    return min(seconds, LIFE_MAX_S)


def _is_header(token: str) -> bool:
    return 0 < len(token) <= 8192 and token.isascii() and token.isprintable() and " " not in token
