"""Every fault the twin can inject, each with a named rate; and how often each one really happened."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, fields

from syncline.errors import ConfigurationError


@dataclass(frozen=True)
class Faults:
    """Rates are probabilities (0..1) for each opportunity; ``_s`` are virtual seconds, ``_real_s`` real ones.

    The defaults lose no information for good: whatever is late, cut, refused or garbled is also delivered
    correctly, at the latest when the twin says ``quiet``.
    """

    # Events of a WMS -------------------------------------------------------------------------------------------
    duplicate: float = 0.03  # an event listed twice in one page
    late: float = 0.05  # an event becomes visible behind the cursor ...
    late_max_s: int = 240  # ... never later than this; a puller overlaps by more
    retry: float = 0.05  # told again: same transaction id, new event id and sequence
    retry_delay_min_s: int = 60
    retry_delay_max_s: int = 600
    # Contract breaks; off by default. ``broken_record`` and ``unknown_type`` are followed by the right record.
    broken_record: float = 0.0
    unknown_type: float = 0.0
    unknown_sku: float = 0.0  # a real movement under a code that no crosswalk knows: lost until somebody teaches it
    key_conflict: float = 0.0  # a retry that states another quantity
    # Answers over HTTP -----------------------------------------------------------------------------------------
    lost_request: float = 0.01  # connection closed, nothing executed
    lost_answer: float = 0.01  # executed, connection closed without an answer
    server_error: float = 0.01  # 503, nothing executed
    error_after: float = 0.005  # 500, although executed
    throttled: float = 0.01  # 429 with Retry-After, nothing executed
    cut_body: float = 0.01  # executed; the body ends before its Content-Length
    drip: float = 0.03  # the body arrives in pieces over ``drip_real_s``
    drip_real_s: float = 0.6
    retry_after_real_s: int = 1
    # Files of a partner ----------------------------------------------------------------------------------------
    stale_file: float = 0.35  # as-of hours old, for partners that do that
    date_only: float = 0.25  # as-of without a time, for the same partners
    file_twice: float = 0.25  # the same bytes again, later: a partner that runs an old job anew
    half_written: float = 0.10  # the final name appears before the content is complete
    half_written_s: int = 480
    junk_file: float = 0.05
    empty_file: float = 0.05
    # Jobs of the ERP itself ------------------------------------------------------------------------------------
    row_lock_jobs_per_min: float = 10.0  # real minutes; each one locks rows that our adjustments want
    row_lock: float = 0.15  # a job starts on the rows of the very document we post, in the opposite order
    row_lock_hold_real_s: float = 1.5

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            bounded = not each.name.endswith(("_s", "_per_min"))
            if value < 0 or (bounded and value > 1):
                raise ConfigurationError(
                    f"Fault {each.name} is {value}.",
                    next_step="Rates are between 0 and 1, durations are not negative.",
                    fault=each.name,
                )
        if self.retry_delay_min_s > self.retry_delay_max_s:
            raise ConfigurationError(
                f"retry_delay_min_s {self.retry_delay_min_s} is above retry_delay_max_s {self.retry_delay_max_s}.",
                next_step="Swap them.",
            )

    @classmethod
    def none(cls, **rates: float) -> Faults:
        """No fault but those named."""
        quiet = {each.name: 0.0 for each in fields(cls) if not each.name.endswith("_s")}
        return cls(**{**quiet, **rates})  # type: ignore[arg-type]

    @classmethod
    def from_text(cls, text: str) -> Faults:
        """``none``, ``default`` or ``default,late=0.2,late_max_s=100``.

        Raises:
            ConfigurationError: an unknown fault or an unreadable number.
        """
        first, _, rest = text.partition(",")
        named: dict[str, float] = {}
        known = {each.name for each in fields(cls)}
        for part in filter(None, rest.split(",")):
            name, _, value = part.partition("=")
            try:
                named[name] = int(value) if name.endswith("_s") and not name.endswith("_real_s") else float(value)
            except ValueError:
                named[name] = -1.0
            if name not in known or named[name] < 0:
                raise ConfigurationError(
                    f"Fault {part!r} is not understood.",
                    next_step=f"Write name=rate; names: {', '.join(sorted(known))}.",
                )
        if first not in ("none", "default"):
            raise ConfigurationError(f"Faults start with {first!r}.", next_step="Start with none or default.")
        return cls.none(**named) if first == "none" else cls(**named)  # type: ignore[arg-type]


@dataclass
class FaultCount:
    """How often each fault was injected so far."""

    injected: Counter[str] = field(default_factory=Counter)

    def add(self, name: str) -> None:
        self.injected[name] += 1
