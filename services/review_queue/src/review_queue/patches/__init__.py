"""Changes that rules make to labels, and their undoing."""
