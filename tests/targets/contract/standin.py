"""What the contract suite needs of a stand-in. Each kind has ``standin_<kind>.py`` here with ``opened(book, faults)``.

    @contextmanager
    def opened(book: Book, faults: VendorFaults) -> Iterator[StandIn]: ...

It stocks ``keys`` in the book (``stocked``), builds the vendor's server from ``syncline.twin.vendors.<kind>``,
serves it (``served``) and opens the adapter by its own ``open_adapter`` from a registry entry and a connection.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from syncline.twin.vendors.faults import SHAPED

if TYPE_CHECKING:
    from collections.abc import Callable

    from syncline.targets.contract import Capabilities
    from syncline.twin.vendors.book import Book, Key
    from syncline.twin.vendors.faults import VendorFaults

STOCKED = 100  # what every key has at first


@dataclass(frozen=True)
class StandIn:
    """A served stand-in and an adapter that is logged in to it.

    Attributes:
        keys: three or more stocked keys, each at ``STOCKED``, as the target writes them.
        unknown_key: one that has the right form and is not stocked.
        secrets: every secret of the connection; none may be told.
        adapter_at: another adapter for (base URL, is the login right), on the same options.
        expire_login: makes the server forget what we are logged in with; None where each call carries the login.
        shaped: those of ``SHAPED`` that the vendor's API has.
        refuses_another_body: a key sent again with another body is refused; False where the vendor executes it.
    """

    adapter: Any  # an Adapter, and of the protocols beside it those that its capabilities declare
    book: Book
    faults: VendorFaults
    keys: tuple[Key, ...]
    unknown_key: Key
    secrets: tuple[str, ...]
    base_url: str
    adapter_at: Callable[[str, bool], Any]
    expire_login: Callable[[], None] | None = None
    shaped: frozenset[str] = frozenset(SHAPED)
    refuses_another_body: bool = True

    @property
    def capabilities(self) -> Capabilities:
        """What the adapter declares."""
        return self.adapter.capabilities  # type: ignore[no-any-return]


def stocked(book: Book, keys: tuple[Key, ...]) -> None:
    """Every key at ``STOCKED``."""
    book.numbers.update(dict.fromkeys(keys, STOCKED))
