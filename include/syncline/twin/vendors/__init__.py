"""Stand-ins for vendors' APIs: real HTTP servers that keep their contracts, with the errors they really answer.

Each module says which page of the vendor it follows; what no page confirms is in its ``UNCONFIRMED`` list, which
`syncline targets check` shows.
"""
