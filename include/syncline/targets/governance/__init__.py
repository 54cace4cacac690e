"""Limits, pauses, circuit and logins of a target, shared by all its workers through the warehouse (ADR 0022)."""
