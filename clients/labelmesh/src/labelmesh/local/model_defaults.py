"""How the local model server shares the machine when nothing else is said; its callers keep to it too."""

DEFAULT_PARALLEL = 2
"""Requests computed together; more wait their turn.

Measured on 2 cores: each place computes a run's common prompt beginning anew, and tokens computed together are
hardly cheaper than one by one, so 4 places answered 12 few-shot requests at 0.27/s, 1 or 2 at 0.37/s.
"""
DEFAULT_CONTEXT_TOKENS = 4096
"""What one request may use, prompt and answer together."""
