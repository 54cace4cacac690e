"""The audit log: one leaf per row, one Merkle root per batch, roots chained and signed (ADR 0028)."""
