"""Shopify: a shop's number set by compare, or changed by a delta, through the GraphQL Admin API."""
