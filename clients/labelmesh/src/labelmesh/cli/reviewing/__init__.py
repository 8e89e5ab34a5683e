"""Reviewing in the terminal: showing an item, asking, editing."""
