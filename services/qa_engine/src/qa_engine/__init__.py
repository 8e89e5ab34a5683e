"""Checks every label with rules and reports findings."""
