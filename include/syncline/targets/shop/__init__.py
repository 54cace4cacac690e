"""The shop: availability set by compare on its version."""
