"""A login to Tryton: a password once, then a session's token with every call.

Source: "Remote Procedure Call" of trytond's documentation (login, Session header); trytond 8.2.1,
``protocols/dispatcher.py`` (statuses) and ``res/user.py`` (attempts).
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from requests.auth import AuthBase

from syncline.targets.http import LoginRefused, NotSent

if TYPE_CHECKING:
    from requests import PreparedRequest

    from syncline.targets.http import Answer, TargetHttp

# Attempts are counted over ``[session] timeout``, 300 s as shipped; 429 carries no Retry-After.
LOGIN_BLOCKED_S = 300.0
REFUSED = (401, 403)
NO_DATABASE = 404
BLOCKED = 429


class Session(AuthBase):
    """The session of one user. ``http`` carries no login."""

    def __init__(self, http: TargetHttp, path: str, login: str, password: str) -> None:
        self._http, self._path = http, path
        self._login, self._password = login, password
        self._header = ""
        self._refused: LoginRefused | None = None

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        request.headers["Authorization"] = self._header
        return request

    def ensure(self, timeout_s: float) -> None:
        """Log in, if we are not. A refused password is not tried twice: six bad ones lock the good one out, too.

        Raises:
            NotSent: the server gives no session now.
            LoginRefused: wrong user, password or database.
        """
        if self._header:
            return
        if self._refused is not None:
            raise self._refused
        body = {"id": 1, "method": "common.db.login", "params": [self._login, {"password": self._password}, "en"]}
        answer = self._http.call("POST", self._path, timeout_s=timeout_s, body=body, is_login=True)
        if answer.status_code in (*REFUSED, NO_DATABASE) or _asks_for_more(answer):
            self._refused = self._refusal(answer.status_code)
            raise self._refused
        if answer.status_code == BLOCKED:
            raise NotSent(
                f"Target {self._http.target} blocks logins after too many wrong ones (429).",
                next_step=f"Correct the password in connection {self._http.target!r}; logins are let in again "
                "5 minutes after the last wrong one.",
                target=self._http.target,
                retry_after_s=answer.retry_after_s or LOGIN_BLOCKED_S,
            )
        result = answer.body.get("result") if isinstance(answer.body, dict) else None
        match result:
            case [int(user), str(token), *_] if answer.status_code == 200 and token.isalnum() and len(token) <= 512:
                plain = f"{self._login}:{user}:{token}"
                self._header = "Session " + base64.b64encode(plain.encode()).decode()
            case _:
                raise NotSent(
                    f"Target {self._http.target} answers {answer.status_code} to the login, without a session.",
                    next_step="Check the address of the connection; the next run asks again.",
                    target=self._http.target,
                    retry_after_s=answer.retry_after_s,
                )

    def renew(self) -> bool:
        """Forget the session: the server has ended it."""
        was, self._header = self._header, ""
        return bool(was)

    def close(self) -> None:
        """Close the connection that logins go by."""
        self._http.close()

    def _refusal(self, status_code: int) -> LoginRefused:
        what = "has no such database" if status_code == NO_DATABASE else f"refuses our login ({status_code})"
        where = "options.database" if status_code == NO_DATABASE else "login and password of the connection"
        return LoginRefused(
            f"Target {self._http.target} {what}.", next_step=f"Correct {where}.", target=self._http.target
        )


def _asks_for_more(answer: Answer) -> bool:
    """A second factor: an error inside a good answer, see ``trytond.exceptions.LoginException``."""
    error = answer.body.get("error") if isinstance(answer.body, dict) else None
    return isinstance(error, list) and error[:1] == ["LoginException"]
