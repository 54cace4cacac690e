"""The events that Syncline tells: what each means, and who tells it (ADR 0024)."""

from __future__ import annotations

from typing import NamedTuple


class Kind(NamedTuple):
    """``subject``: within it order holds. ``about``: what its id is made of. ``teller``: the function that adds it."""

    means: str
    subject: str
    about: str
    teller: str


_CORRECTION = ("<target>/<item>/<location>", "correction:<id>", "ops.tell_correction")
_TRIP = ("breaker/<trip>", "trip:<id>", "ops.tell_trip")
_EXCEPTION = ("exception/<rule>/<subject>", "exception:<id>", "ops.tell_exception")
_COMPENSATION = ("compensation/<rule>", "compensation:<id>", "ops.record_compensation")
_LOOP = ("<loop>", "loop:<id>", "ops.tell_loop")
KINDS = {
    "correction.applied": Kind("a correction took effect, and that is proven", *_CORRECTION),
    "correction.held": Kind("a correction waits, with a reason", *_CORRECTION),
    "correction.dead": Kind("a correction ended without effect: refused, denied, unproven or overtaken", *_CORRECTION),
    "correction.escalated": Kind("nobody can prove what became of a correction: a person is asked", *_CORRECTION),
    "breaker.tripped": Kind("a circuit breaker holds what a batch would send", *_TRIP),
    "breaker.closed": Kind("its trip was released, denied or is over", *_TRIP),
    "exception.opened": Kind("a person is asked", *_EXCEPTION),
    "exception.reopened": Kind("what a person is asked is back, inside its period", *_EXCEPTION),
    "exception.assigned": Kind("an exception has an owner", *_EXCEPTION),
    "exception.asked": Kind("a partner is asked, with a time to answer by", *_EXCEPTION),
    "exception.woken": Kind("a snoozed exception is back", *_EXCEPTION),
    "exception.resolved": Kind("the cause is gone, or a person answered", *_EXCEPTION),
    "compensation.applied": Kind("a rule, or a person by it, answered a finding", *_COMPENSATION),
    "compensation.reversed": Kind("a person took that back", *_COMPENSATION),
    "order.short": Kind("less left than was released, and no more will", *_LOOP),
    "order.substituted": Kind("another item left in place of the ordered one", *_LOOP),
    "order.back_ordered": Kind("what was not shipped waits for stock", *_LOOP),
    "order.cancelled_after_pick": Kind("stock left for an order that was taken back", *_LOOP),
    "order.status": Kind("what became of an order line", *_LOOP),
    "billing.adjust": Kind("what is to be billed is not what was ordered", *_LOOP),
    "receipt.short": Kind("less was received than was announced", *_LOOP),
    "receipt.over": Kind("more was received than was announced", *_LOOP),
    "transfer.short": Kind("less came than left", *_LOOP),
    "transfer.over": Kind("more came than left", *_LOOP),
    "return.received": Kind("goods of a return came back", *_LOOP),
    "return.missing": Kind("a return was refunded and its goods are not there", *_LOOP),
    "return.dispositioned": Kind("a return is out of quarantine: restocked, damaged or written off", *_LOOP),
    "stock.counted": Kind("a count found something else than was expected", *_LOOP),
    "stock.damaged": Kind("stock became damaged", *_LOOP),
    "stock.held": Kind("stock was put on hold", *_LOOP),
}
