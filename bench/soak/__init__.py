"""The soak: a running installation under a steady load of events, sampled, judged and drawn."""
