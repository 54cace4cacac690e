"""The GraphQL Admin API over HTTP: one pinned version, errors inside good answers, the cost of a call.

Pages: "Shopify API response status and error codes", "Shopify API limits", "GraphQL Admin API rate limits" (cost in
points, bucket by app and store), "About Shopify API versioning" (a version that is gone is served by another one).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from syncline.errors import ConfigurationError, PartnerContractBroken, PartnerUnavailable, SynclineError
from syncline.targets.contract import Budget
from syncline.targets.http import RETRY_AFTER_MAX_S, NoAnswer, NotSent, OtherVersion, TargetHttp

if TYPE_CHECKING:
    from collections.abc import Mapping

    from requests.auth import AuthBase

    from syncline.targets.governance.governor import Governor
    from syncline.targets.http import Answer

API_VERSION = "2026-10"
PATH = f"/admin/api/{API_VERSION}/graphql.json"
TOKEN_PATH = "/admin/oauth/access_token"
TOKEN_HEADER = "X-Shopify-Access-Token"
VERSION_HEADER = "X-Shopify-API-Version"
THROTTLED = "THROTTLED"
POINTS_MAX = 10**9
WAIT_MIN_S = 0.5
WAIT_S = 1.0  # where nothing says how long
CODES_MAX = 20
VERSION = "query Version { shop { id } }"


@dataclass(frozen=True)
class Told:
    """An answer taken apart. ``codes``: of the errors beside the data, empty text where one has none."""

    answer: Answer
    data: Mapping[str, Any] | None
    codes: tuple[str, ...]
    budget: Budget | None

    @property
    def is_throttled(self) -> bool:
        """Turned away before it ran: the bucket must hold what a query asks for. The status is 200 or 429."""
        return self.answer.status_code == 429 or (self.data is None and THROTTLED in self.codes)

    @property
    def wait_s(self) -> float:
        """How long until the bucket holds what the call asked for."""
        if self.answer.retry_after_s is not None:
            return max(self.answer.retry_after_s, WAIT_MIN_S)
        if self.budget is None or self.budget.restored_per_s <= 0:
            return WAIT_S
        missing = self.budget.cost - self.budget.left
        return min(max(missing / self.budget.restored_per_s, WAIT_MIN_S), RETRY_AFTER_MAX_S)


class AdminApi:
    """One shop's API. Not shared between threads."""

    def __init__(self, target: str, base_url: str, auth: AuthBase, governor: Governor | None = None) -> None:
        self._target = target
        self._http = TargetHttp(target, base_url, auth, governor)
        self._version_is_proven = False

    def close(self) -> None:
        self._http.close()

    def call(self, text: str, variables: Mapping[str, Any], timeout_s: float) -> Told:
        """One GraphQL operation, whatever comes back. Raises as ``TargetHttp.call``."""
        answer = self._http.call(
            "POST", PATH, timeout_s=timeout_s, body={"query": text, "variables": dict(variables)}
        )  # fmt: skip
        body = answer.body if isinstance(answer.body, dict) else {}
        data = body.get("data")
        told = Told(answer, data if isinstance(data, dict) else None, _codes(body.get("errors")), _budget(body))
        # The bucket is the app's and the shop's: what one call leaves is left for every worker.
        if told.is_throttled:
            self._http.governor.pause(told.wait_s)
        elif told.budget is not None:
            self._http.governor.spend(told.budget)
        return told

    def prove_version(self, timeout_s: float) -> None:
        """Ask once whether the pinned version is what answers. Raises as ``read``."""
        if not self._version_is_proven:
            self.read(VERSION, {}, timeout_s)

    def read(self, text: str, variables: Mapping[str, Any], timeout_s: float) -> Told:
        """A query whose only good answer is data of the pinned version, without an error.

        Raises:
            PartnerUnavailable: no answer, throttled, a locked or frozen shop, 5xx; carries ``retry_after_s``.
            ConfigurationError: login or a right refused, no such shop, another version.
            PartnerContractBroken: any other answer.
        """
        try:
            told = self.call(text, variables, timeout_s)
        except (NoAnswer, NotSent) as error:
            wait_s = error.retry_after_s
            raise PartnerUnavailable(
                error.message, next_step=error.next_step, retry_after_s=wait_s, target=self._target
            ) from None
        if problem := self._problem(told):
            raise problem
        self._version_is_proven = True
        return told

    def _problem(self, told: Told) -> SynclineError | None:
        status = told.answer.status_code
        if told.is_throttled or status in (402, 423) or status >= 500 or "INTERNAL_SERVER_ERROR" in told.codes:
            return PartnerUnavailable(
                f"Target {self._target} answers {status} {' '.join(told.codes)}".rstrip() + " to a query.",
                next_step="Nothing to do if it passes; a shop that stays locked or frozen needs its owner.",
                retry_after_s=told.wait_s,
                target=self._target,
            )
        if status in (401, 403) or "ACCESS_DENIED" in told.codes:
            return self._wrong("refuses our login or lacks a right", "Renew the secrets, and grant the scopes")
        if status == 404:
            return self._wrong("has no Admin API at its address", "Write <shop>.myshopify.com as the host")
        if status != 200 or told.data is None or told.codes:
            return PartnerContractBroken(
                f"Target {self._target} answers {status} {' '.join(told.codes)}".rstrip() + " instead of data.",
                next_step="Check the address of the connection and Shopify's release notes.",
                target=self._target,
            )
        served = told.answer.headers.get(VERSION_HEADER, "none")[:20]
        if served != API_VERSION:
            # A version that is no longer there does not fail: another one answers, and may mean other things.
            return OtherVersion(
                f"Target {self._target} answers in version {served!r}, not {API_VERSION}.",
                next_step="Install a Syncline that knows it; see docs/reference/targets/shopify.md.",
                target=self._target,
            )
        return None

    def _wrong(self, what: str, next_step: str) -> ConfigurationError:
        return ConfigurationError(
            f"Target {self._target} {what}.",
            next_step=f"{next_step}; see docs/reference/targets/shopify.md.",
            target=self._target,
        )


def _codes(errors: Any) -> tuple[str, ...]:
    if not isinstance(errors, list):
        return ()
    codes = []
    for error in errors[:CODES_MAX]:
        extensions = error.get("extensions") if isinstance(error, dict) else None
        code = extensions.get("code") if isinstance(extensions, dict) else None
        codes.append(code[:60] if isinstance(code, str) and code.isprintable() else "")
    return tuple(codes)


def _budget(body: Mapping[str, Any]) -> Budget | None:
    extensions = body.get("extensions")
    cost = extensions.get("cost") if isinstance(extensions, dict) else None
    status = cost.get("throttleStatus") if isinstance(cost, dict) else None
    if not isinstance(cost, dict) or not isinstance(status, dict):
        return None
    left, restored = _points(status.get("currentlyAvailable")), _points(status.get("restoreRate"))
    spent = _points(cost.get("actualQueryCost"))
    if spent is None:  # it did not run
        spent = _points(cost.get("requestedQueryCost"))
    return None if left is None or restored is None or spent is None else Budget(left, restored, spent)


def _points(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and 0 <= value <= POINTS_MAX else None
