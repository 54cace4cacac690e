"""Findings that evidence decides are answered by rule, within limits, and each answer can be taken back (ADR 0033)."""
