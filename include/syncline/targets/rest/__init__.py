"""A REST API that the registry describes: no code of its own for any vendor."""
