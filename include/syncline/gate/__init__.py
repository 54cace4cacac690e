"""The last look before release: Great Expectations on the candidate corrections of the batch in flight."""
