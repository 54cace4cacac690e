"""Measurements: generators, benches and the soak. Nothing here is installed or used by the product."""
