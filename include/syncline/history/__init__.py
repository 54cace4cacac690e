"""Numbers of the past: what was true at an instant, what was believed and published then, what a replay changes."""
