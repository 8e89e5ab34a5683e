"""How the local model server shares the machine when nothing else is said; its callers keep to it too."""

DEFAULT_PARALLEL = 4
"""Requests computed together; more wait their turn."""
DEFAULT_CONTEXT_TOKENS = 4096
"""What one request may use, prompt and answer together."""
