"""Deliberate errors: two branches, fields, a next step."""

from __future__ import annotations

from syncline.errors import RetryableError, SynclineError, TerminalError


def test_a_message_ends_with_the_next_step_and_fields_stay_apart() -> None:
    error = RetryableError("WMS answers 503.", next_step="Wait.", retry_after_s=3.0, source="dc1_wms")
    assert str(error) == "WMS answers 503. Next: Wait."
    assert (error.message, error.retry_after_s, error.fields) == ("WMS answers 503.", 3.0, {"source": "dc1_wms"})


def test_without_a_next_step_the_message_stands_alone() -> None:
    assert str(SynclineError("Broken.")) == "Broken."


def test_every_error_is_retryable_or_terminal_or_the_root() -> None:
    def below(kind: type[SynclineError]) -> set[type[SynclineError]]:
        return {kind, *(deeper for each in kind.__subclasses__() for deeper in below(each))}

    assert not below(RetryableError) & below(TerminalError)
