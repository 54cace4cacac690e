"""Events, and their deliveries to subscribers that are no stock targets: webhook, e-mail, files for analytics.

At least once, in order within a subject, each subscriber by itself (ADR 0024).
"""
