"""Tryton, an ERP: corrections as internal shipments, over its JSON-RPC."""
