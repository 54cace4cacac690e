"""Rows of SAP's entities, as its OData services show them, and ``$filter`` over them, run on SQLite.

Followed pages: the metadata of API_MATERIAL_DOCUMENT_SRV and API_MATERIAL_STOCK_SRV (names, types and lengths).
"""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from syncline.twin.vendors.sap_s4 import System

WORDS = re.compile(r"'(?:[^']|'')*'|[A-Za-z_][A-Za-z0-9_]*|[()]|\s+", re.ASCII)


# What the answer to a posting shows of each item.
POSTED = (
    "MaterialDocumentItem", "Material", "Plant", "StorageLocation", "QuantityInEntryUnit", "EntryUnit",
    "MaterialBaseUnit", "MaterialDocumentItemText",
)  # fmt: skip


def query(rows: list[dict[str, str]], condition: str, names: list[str], top: int) -> list[dict[str, str]]:
    """``names`` of the first ``top`` rows that ``condition`` takes. Raises ValueError, sqlite3.Error."""
    if not rows:
        return []
    columns = list(rows[0])
    unknown = {word for word in WORDS.findall(condition) if word.isidentifier()} - {*columns, "eq", "and", "or"}
    if "".join(WORDS.findall(condition)) != condition or unknown or set(names) - set(columns):
        raise ValueError("a property or an operator that this service has not")
    where = WORDS.sub(lambda word: "=" if word[0] == "eq" else word[0], condition)
    with closing(sqlite3.connect(":memory:")) as database:
        database.execute(f"CREATE TABLE entity ({', '.join(columns)})")
        database.executemany(
            f"INSERT INTO entity VALUES ({', '.join('?' * len(columns))})", [tuple(row.values()) for row in rows]
        )
        done = database.execute(f"SELECT {', '.join(names)} FROM entity WHERE {where or '1'} LIMIT ?", (top,))
        return [dict(zip(names, row, strict=True)) for row in done.fetchall()]


def _header_rows(system: System) -> list[dict[str, str]]:
    return [{name: value for name, value in document.items() if name != "items"} for document in system.documents]


def item_rows(system: System) -> list[dict[str, str]]:
    """Every item of every document."""
    return [
        {
            "MaterialDocumentYear": document["MaterialDocumentYear"],
            "MaterialDocument": document["MaterialDocument"],
            "MaterialDocumentItem": item["number"],
            "MaterialDocumentItemText": item["text"],
            "Material": item["key"][0],
            "Plant": item["key"][1].partition("/")[0],
            "StorageLocation": item["key"][1].partition("/")[2],
            "QuantityInBaseUnit": f"{abs(item['delta'])}.000",
            "MaterialBaseUnit": system.base_units.get(item["key"][0], system.unit),
            "QuantityInEntryUnit": str(abs(item["delta"])),
            "EntryUnit": system.unit,
            "DebitCreditCode": "S" if item["delta"] >= 0 else "H",
        }
        for document in system.documents
        for item in document["items"]
    ]


def _stock_rows(system: System) -> list[dict[str, str]]:
    """Beside what counts, each key has 7 in blocked stock and 3 of a customer's order."""
    rows = []
    for (material, location), quantity in sorted(system.book.numbers.items()):
        half = quantity // 2
        parts = [("B1", half), ("B2", quantity - half)] if material in system.batches else [("", quantity)]
        stocks = [(batch, "01", "", number) for batch, number in parts] + [("", "07", "", 7), ("", "01", "E", 3)]
        plant, _, storage = location.partition("/")
        rows += [
            {
                "Material": material,
                "Plant": plant,
                "StorageLocation": storage,
                "Batch": batch,
                "InventoryStockType": kind,
                "InventorySpecialStockType": special,
                "MaterialBaseUnit": system.base_units.get(material, system.unit),
                "MatlWrhsStkQtyInMatlBaseUnit": f"{number}.000",
            }
            for batch, kind, special, number in stocks
        ]
    return rows


ENTITIES = {
    "A_MaterialDocumentHeader": _header_rows,
    "A_MaterialDocumentItem": item_rows,
    "A_MatlStkInAcctMod": _stock_rows,
}
