"""An event of the WMS as version 2 of its contract writes it; the simulation itself speaks version 1."""

from __future__ import annotations

from typing import Any

ZONES = {"inventory.received": "INBOUND", "shipment.confirmed": "OUTBOUND"}
MEASURES = ("on_hand", "allocated", "damaged", "quarantined")


def as_version_2(body: dict[str, Any], book: dict[tuple[str, str], int]) -> dict[str, Any]:
    """``body`` in version 2; ``book``: (sku, measure) -> balance of the site after the event."""
    told = {name: value for name, value in body.items() if name not in ("site", "posted_at", "lines", "version")}
    return {
        **told,
        "version": 2,
        "location": {"site": body["site"], "zone": ZONES.get(body["type"], "FLOOR")},
        "occurred_at": body["posted_at"],
        "posted_at": body["posted_at"],
        "lines": [_line(line, book) for line in body["lines"]],
    }


def _line(line: dict[str, Any], book: dict[tuple[str, str], int]) -> dict[str, Any]:
    number = next(name for name in ("quantity", "delta", "counted") if name in line)
    nested = {number, "uom", "from_bin", "from_condition", "to_bin", "to_condition"}
    told = {name: value for name, value in line.items() if name not in nested}
    told["quantity"] = {"value": line[number], "uom": line["uom"]}
    for side in ("from", "to"):
        if f"{side}_bin" in line:
            told[side] = {"bin": line[f"{side}_bin"], "condition": line[f"{side}_condition"]}
    balances = {measure: book[line["sku"], measure] for measure in MEASURES if (line["sku"], measure) in book}
    return {**told, "balance_after": balances} if balances else told
