"""The digital twin: a simulated stock network with real servers, named faults and a ground-truth ledger.

The twin imports the product, never the other way: nothing here may be imported by landing, resolve, gate or push.
"""
