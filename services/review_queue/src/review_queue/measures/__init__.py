"""Numbers about projects: running sums of reviews, what is computed from them, and assistance held out."""
