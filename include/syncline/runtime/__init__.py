"""What runs on one machine: databases, credentials, the environment of child processes, and their supervision."""
