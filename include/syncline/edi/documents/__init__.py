"""One module per transaction set: a table of its segments, and what they say about stock."""
