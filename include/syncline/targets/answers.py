"""What adapters of vendors share: calls that only read, and numbers that a vendor writes as it likes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from syncline.errors import ConfigurationError, PartnerContractBroken, PartnerUnavailable, SynclineError
from syncline.targets.contract import Check, DocumentAnswer, LineAnswer
from syncline.targets.http import AUTH_REFUSED, OK, SERVER_ERROR, SLOW_DOWN, NoAnswer, NotSent
from syncline.targets.reading import QUANTITY_MAX

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from syncline.targets.contract import Document, Line
    from syncline.targets.http import Answer, TargetHttp

THROTTLED_S = 1.0  # where a throttle does not say for how long
_INTEGRAL = re.compile(r"-?[0-9]{1,15}(\.0{1,9})?", re.ASCII)


def read(
    http: TargetHttp,
    method: str,
    path: str,
    *,
    timeout_s: float,
    params: Mapping[str, str | int] | None = None,
    body: Any = None,
    headers: Mapping[str, str] | None = None,
    is_throttled: Callable[[Answer], bool] = lambda answer: False,
    is_absent: Callable[[Answer], bool] = lambda answer: False,
) -> Any:
    """The JSON of a 200, for calls by any method that only read; None where ``is_absent`` knows the answer.

    ``is_throttled``: other answers than 429 that ask us to slow down.

    Raises:
        PartnerUnavailable: no answer, throttled or 5xx; carries ``retry_after_s``.
        ConfigurationError: the login or the right is refused.
        PartnerContractBroken: any other answer.
    """
    try:
        answer = http.call(method, path, timeout_s=timeout_s, params=params, body=body, headers=headers)
    except (NoAnswer, NotSent) as error:
        raise PartnerUnavailable(
            error.message, next_step=error.next_step, retry_after_s=error.retry_after_s, target=http.target
        ) from None
    what = f"{answer.status_code} to {method} {path.partition('?')[0]}"
    if is_throttled(answer):
        http.governor.pause(answer.retry_after_s or THROTTLED_S)
    if answer.status_code == SLOW_DOWN or answer.status_code >= SERVER_ERROR or is_throttled(answer):
        raise PartnerUnavailable(
            f"Target {http.target} answers {what}.",
            next_step="Nothing to do: the next run asks again.",
            retry_after_s=answer.retry_after_s,
            target=http.target,
        )
    if is_absent(answer):
        return None
    if answer.status_code in AUTH_REFUSED:
        raise ConfigurationError(
            f"Target {http.target} refuses our login or its right ({what}).",
            next_step=f"Check the secrets in connection {http.target!r} and the rights of its user.",
            target=http.target,
        )
    if answer.status_code != OK or answer.body is None:
        raise broken(http.target, f"answers {what} without the promised JSON")
    return answer.body


def broken(target: str, what: str) -> PartnerContractBroken:
    """An answer outside of the contract; ``what`` goes on from the target's name."""
    return PartnerContractBroken(
        f"Target {target} {what[:300]}.",
        next_step="Check the address and the options of the target, then the vendor's release notes.",
        target=target,
    )


def integral(value: object) -> int:
    """A count of stock as the number or text that a vendor writes it as (``5``, ``5.0``, ``"5.000"``).

    Raises:
        ValueError: it is none, has a part of a unit, or is out of range.
    """
    if isinstance(value, float):
        if not value.is_integer():
            raise ValueError(f"{value!r} is no whole number")
        value = int(value)
    if isinstance(value, str) and _INTEGRAL.fullmatch(value):
        value = int(value.partition(".")[0])
    if type(value) is not int or abs(value) > QUANTITY_MAX:
        raise ValueError(f"{str(value)[:40]!r} is no whole number up to {QUANTITY_MAX}")
    return value


def not_taken(document: Document, lines: Collection[Line], code: str) -> DocumentAnswer:
    """Nothing was sent: ``lines`` cannot be said to this target at all, the others may go without them."""
    return DocumentAnswer(
        None,
        {
            line.reference: LineAnswer("refused", code) if line in lines else LineAnswer("not_executed", "not_sent")
            for line in document.lines
        },
    )


def checked(name: str, call: Callable[[], object], told: str) -> Check:
    """A check by a call that raises what is wrong; ``told`` where nothing is."""
    try:
        call()
    except SynclineError as error:
        return Check(name, False, str(error))
    return Check(name, True, told)


def unconfirmed(points: Sequence[str]) -> list[Check]:
    """What an adapter relies on and no page of the vendor says, for ``check`` to show."""
    return [Check("unconfirmed", True, point) for point in points]
