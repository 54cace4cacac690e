"""What we intend to tell the targets: corrections, their states, and the release that writes them."""
