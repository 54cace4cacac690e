"""NetSuite by SuiteTalk REST web services."""
