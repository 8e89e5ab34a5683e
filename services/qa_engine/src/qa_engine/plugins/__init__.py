"""Customers' own rules: Python in a sandbox, and expressions."""
