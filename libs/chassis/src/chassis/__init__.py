"""How a Labelmesh service runs; nothing here knows what is labelled."""
