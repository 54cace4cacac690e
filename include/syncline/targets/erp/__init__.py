"""The ERP: adjustments by delta, posted once for each reference."""
