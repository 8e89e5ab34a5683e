"""Masks: measuring and converting them."""
