"""Human decisions as data (semantics §4, ADR 0014): keep a telling, accept what stands, write stock off."""

from syncline.decisions.model import Decision, WriteOff
from syncline.decisions.propose import propose_accept, propose_keep, propose_withdraw, propose_write_off
from syncline.decisions.register import Decided, decisions
from syncline.decisions.store import store
from syncline.decisions.view import View, view
from syncline.decisions.write_offs import land_write_offs

__all__ = [
    "Decided",
    "Decision",
    "View",
    "WriteOff",
    "decisions",
    "land_write_offs",
    "propose_accept",
    "propose_keep",
    "propose_withdraw",
    "propose_write_off",
    "store",
    "view",
]
