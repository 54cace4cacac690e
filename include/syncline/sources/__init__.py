"""Sources: one folder per way a system speaks. Each has a client, a pure mapping and a flow."""
