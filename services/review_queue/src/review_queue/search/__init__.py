"""Searching the labels that stand."""
