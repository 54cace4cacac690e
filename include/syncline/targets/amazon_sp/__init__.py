"""Amazon: the number of a seller's listing set through the Selling Partner API, its effect seen by reading back."""
