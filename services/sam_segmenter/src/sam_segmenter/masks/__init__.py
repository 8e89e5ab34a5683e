"""Masks after the decoder: cleaned, simplified, judged, measured and converted."""
