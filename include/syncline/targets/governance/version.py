"""The version that an adapter is made for, asked of the target once a day and after every change of its entry."""

from __future__ import annotations

import hashlib
from importlib.metadata import version
from typing import TYPE_CHECKING

from syncline.targets.http import OtherVersion

if TYPE_CHECKING:
    from syncline.registry.models import Target
    from syncline.targets.contract import Adapter
    from syncline.targets.governance.shared import SharedGovernor


def prove_version(governor: SharedGovernor, entry: Target, adapter: Adapter) -> None:
    """Ask ``adapter.check`` where that was not done for this entry, login and release in the last day.

    What else is not well there is found again, with its own error, by the call that needs it.

    Raises:
        OtherVersion: both versions are named.
    """
    told = "\n".join((entry.model_dump_json(), governor.login, version("syncline")))
    checked_as = hashlib.sha256(told.encode()).hexdigest()[:32]
    if governor.is_checked(checked_as):
        return
    checks = adapter.check()
    for each in checks:
        if each.is_other_version:
            raise OtherVersion(
                f"Target {entry.name}: {each.told}",
                next_step="Install a Syncline that knows this version, or correct `options` of the target.",
                target=entry.name,
            )
    if all(each.is_well for each in checks):
        governor.note_checked(checked_as)
