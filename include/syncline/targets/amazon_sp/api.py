"""The Selling Partner API over HTTP: a token of Login with Amazon, errors with a shape, a rate of requests.

Pages: "Connect to the SP-API", model listingsItems_2021-08-01, "Usage Plans and Rate Limits", "Listings Items API Rate
Limits". An access token that has expired is a 403 there.
"""

from __future__ import annotations

import platform
import time
from typing import TYPE_CHECKING, Any

from syncline.errors import ConfigurationError, PartnerContractBroken, PartnerUnavailable, SynclineError
from syncline.partner_http import NoAuth
from syncline.targets.http import RETRY_AFTER_MAX_S, NoAnswer, NotSent, TargetHttp
from syncline.targets.oauth import OAuth2

if TYPE_CHECKING:
    from collections.abc import Mapping

    from syncline.targets.governance.governor import Governor
    from syncline.targets.http import Answer

ITEMS_PATH = "/listings/2021-08-01/items"
TOKEN_PATH = "/auth/o2/token"
TOKEN_HEADER = "x-amz-access-token"
RATE_HEADER = "x-amzn-RateLimit-Limit"
RATE = 5.0  # requests a second for one account and application, where the answer does not say
RATE_MIN, RATE_MAX = 0.001, 1000.0
WAIT_MIN_S = 0.5
USER_AGENT = f"Syncline/1 (Language=Python/{platform.python_version()})"


class SpApi:
    """One seller's API. Not shared between threads."""

    def __init__(
        self, target: str, base_url: str, token_url: str, form: Mapping[str, str], governor: Governor | None = None
    ) -> None:
        self._target = target
        self._token_http = TargetHttp(target, token_url, NoAuth(), governor)
        self._auth = OAuth2(self._token_http, TOKEN_PATH, lambda: form, header=TOKEN_HEADER)
        self._http = TargetHttp(target, base_url, self._auth, governor)

    def close(self) -> None:
        self._http.close()

    def call(
        self, method: str, path: str, timeout_s: float, params: Mapping[str, str | int], body: Any = None
    ) -> Answer:
        """One request; a second where the first was turned away for a token that had expired. Raises as TargetHttp."""
        ends_s = time.monotonic() + timeout_s
        headers = {"User-Agent": USER_AGENT, "x-amz-date": time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())}
        answer = self._http.call(method, path, timeout_s=timeout_s, params=params, body=body, headers=headers)
        if answer.status_code == 403 and "expired" in told_error(answer.body)[1] and self._auth.renew():
            left_s = max(0.001, ends_s - time.monotonic())
            answer = self._http.call(method, path, timeout_s=left_s, params=params, body=body, headers=headers)
        return answer

    def read(self, path: str, params: Mapping[str, str | int], timeout_s: float) -> Answer:
        """A GET whose good answers are 200 with an object, and 404 in the API's own words.

        Raises:
            PartnerUnavailable: no answer, 429 or 5xx; carries ``retry_after_s``.
            ConfigurationError: login, right, seller or marketplace refused.
            PartnerContractBroken: any other answer.
        """
        try:
            answer = self.call("GET", path, timeout_s, params)
        except (NoAnswer, NotSent) as error:
            raise PartnerUnavailable(
                error.message, next_step=error.next_step, retry_after_s=error.retry_after_s, target=self._target
            ) from None
        if problem := self._problem(answer):
            raise problem
        return answer

    def _problem(self, answer: Answer) -> SynclineError | None:
        status, (code, _) = answer.status_code, told_error(answer.body)
        if status == 429 or status >= 500:
            return PartnerUnavailable(
                f"Target {self._target} answers {status} to a reading.",
                next_step="Nothing to do: the next run goes on.",
                retry_after_s=wait_s(answer),
                target=self._target,
            )
        if status in (401, 403) or (status == 400 and code):
            return ConfigurationError(
                f"Target {self._target} refuses the reading ({status} {code}).".replace(" )", ")"),
                next_step="Check secrets, the Product Listing role, seller_id and marketplace_id;"
                " see docs/reference/targets/amazon_sp.md.",
                target=self._target,
            )
        if (status == 200 and isinstance(answer.body, dict)) or (status == 404 and code):
            return None
        return PartnerContractBroken(
            f"Target {self._target} answers {status} without the promised JSON.",
            next_step="Check the address of the connection and Amazon's release notes.",
            target=self._target,
        )


def told_error(body: Any) -> tuple[str, str]:
    """Code of the first error, and what it says; two empty texts where the body is not in the API's own words."""
    errors = body.get("errors") if isinstance(body, dict) else None
    first = errors[0] if isinstance(errors, list) and errors else None
    code = first.get("code") if isinstance(first, dict) else None
    if not isinstance(first, dict) or not isinstance(code, str) or not code.isprintable():
        return "", ""
    return code[:60], f"{first.get('message')} {first.get('details')}"[:500]


def rate(answer: Answer) -> float:
    """Requests a second that the answer says the operation may take."""
    try:
        said = float(answer.headers.get(RATE_HEADER, ""))
    except ValueError:
        return RATE
    return said if RATE_MIN <= said <= RATE_MAX else RATE


def wait_s(answer: Answer) -> float:
    """How long until the bucket has a token again: by Retry-After, else by the rate."""
    said_s = answer.retry_after_s if answer.retry_after_s is not None else 1.0 / rate(answer)
    return min(max(said_s, WAIT_MIN_S), RETRY_AFTER_MAX_S)
