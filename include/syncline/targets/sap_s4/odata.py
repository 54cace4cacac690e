"""SAP Gateway's OData 2: a session with its CSRF token, filters, and the form of an error.

Token: "Cross-Site Request Forgery Protection" (help.sap.com, saphelp_em92), KBA 3048103. A 403 with the header
``X-CSRF-Token: Required`` comes from the framework before the service is called, so nothing was executed. Errors:
``{"error": {"code", "message": {"value"}, "innererror": {"errordetails": [{"code", "message"}]}}}`` (SAP community,
"error messages and response codes ... in PR OData API").
"""

from __future__ import annotations

import time
from typing import Any

from syncline.targets.http import OK, Answer, LoginRefused, NoAnswer, NotSent, TargetHttp

FORBIDDEN = 403
ROOT = "/sap/opu/odata/sap/"
TOKEN = "X-CSRF-Token"
TOKEN_MAX = 200
WAIT_S = 2.0  # SAP names no time; the flow adds its jitter


class Gateway:
    """One user's session. The connection keeps the session's cookies; the token goes with them."""

    def __init__(self, http: TargetHttp, client: str | None) -> None:
        self.http = http
        self._token = ""
        self.client: dict[str, str | int] = {"sap-client": client} if client else {}
        self.params: dict[str, str | int] = {"$format": "json", **self.client}
        self.headers = {"Accept-Language": "en"}  # messages are told apart by their text, too

    def post(self, service: str, entity: str, body: Any, timeout_s: float) -> Answer:
        """One POST; a second one where the first was turned away for a token that has been fetched anew.

        Raises:
            NoAnswer: as ``TargetHttp.call``, once the document itself is on its way.
            NotSent, LoginRefused: there is no login or token to send it with.
        """
        ends_s = time.monotonic() + timeout_s

        def left_s() -> float:
            return max(0.001, ends_s - time.monotonic())

        def call() -> Answer:
            if not self._token:
                self._token = self.fetch_token(service, left_s())
            return self.http.call(
                "POST", f"{ROOT}{service}/{entity}", timeout_s=left_s(), params=self.client, body=body,
                headers=self.headers | {TOKEN: self._token},
            )  # fmt: skip

        answer = call()
        if wants_token(answer):
            self._token = ""
            answer = call()
        return answer

    def fetch_token(self, service: str, timeout_s: float) -> str:
        """A token for changes, by a call that changes nothing.

        Raises:
            NotSent: none is to be had now.
            LoginRefused: the user is refused, or has no right to the service.
        """
        target = self.http.target
        try:
            answer = self.http.call(
                "GET", f"{ROOT}{service}/", timeout_s=timeout_s, params=self.params,
                headers=self.headers | {TOKEN: "Fetch"},
            )  # fmt: skip
        except NoAnswer as error:
            raise NotSent(error.message, next_step=error.next_step, target=target) from None
        if answer.status_code in (401, FORBIDDEN):
            raise LoginRefused(
                f"Target {target} refuses our user the service {service} ({answer.status_code}).",
                next_step=f"Check the secrets in connection {target!r} and the rights of its user.",
                target=target,
            )
        token = answer.headers.get(TOKEN, "")
        if answer.status_code != OK or not _is_token(token):
            raise NotSent(
                f"Target {target} answers {answer.status_code} without a CSRF token.",
                next_step="Nothing to do: the next run asks again.",
                retry_after_s=answer.retry_after_s or WAIT_S,
                target=target,
            )
        return token


def wants_token(answer: Answer) -> bool:
    """The framework turned a change away at the door."""
    return answer.status_code == FORBIDDEN and answer.headers.get(TOKEN, "").lower() == "required"


def literal(text: str) -> str:
    """A string in a filter: a quote is written twice."""
    return "'" + text.replace("'", "''") + "'"


def either(terms: list[str]) -> str:
    """A filter that takes what any of ``terms`` takes."""
    return " or ".join(f"({term})" for term in terms)


def errors(body: Any) -> list[tuple[str, str]]:
    """(code, message) of an error, the first one the error's own; none where it has not SAP's form."""
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict) or not isinstance(error.get("code"), str):
        return []
    inner = error.get("innererror")
    details = inner.get("errordetails") if isinstance(inner, dict) else None
    rows = [row for row in details[:100] if isinstance(row, dict)] if isinstance(details, list) else []
    message = error.get("message")
    own = message.get("value") if isinstance(message, dict) else message
    return [(error["code"], _text(own))] + [(_text(row.get("code")), _text(row.get("message"))) for row in rows]


def results(body: Any) -> Any:
    """The rows of a collection, or None where it has not the form of one."""
    data = body.get("d") if isinstance(body, dict) else None
    # More pages than the one that was asked for: not all of it is here.
    return data.get("results") if isinstance(data, dict) and "__next" not in data else None


def _text(value: object) -> str:
    return value[:200] if isinstance(value, str) else ""


def _is_token(token: str) -> bool:
    return 0 < len(token) <= TOKEN_MAX and token.isascii() and token.isprintable() and token.lower() != "required"
