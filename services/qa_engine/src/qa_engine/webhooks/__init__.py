"""Webhooks: what happens in a project is told to addresses outside, signed, at least once."""
