"""The contract suite against a real Tryton, where faults meet the step that moves stock. Minutes long."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.targets.contract.conftest import LATE_S, unused_url  # noqa: F401
from tests.targets.contract.standin import StandIn
from tests.targets.contract.test_hostile import *  # noqa: F403
from tests.targets.contract.test_reading import *  # noqa: F403
from tests.targets.contract.test_sending import *  # noqa: F403
from tests.targets.tryton.installation import Installation
from tests.targets.tryton.opening import opened

from syncline.twin.vendors.faults import VendorFaults

pytestmark = pytest.mark.deep


@pytest.fixture
def standin(installation: Installation) -> Iterator[StandIn]:
    """As in the suite; the database is the session's."""
    with opened(installation, VendorFaults(late_s=LATE_S)) as standin:
        yield standin
