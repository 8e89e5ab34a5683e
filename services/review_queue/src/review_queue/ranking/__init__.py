"""Terms of the priority that do not come from the label that is up for review."""
