"""The life of a rule: what it would have found, whether it may count, what it did and how that is undone."""
