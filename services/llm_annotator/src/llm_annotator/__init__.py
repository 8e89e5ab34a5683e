"""Pre-labels text with a language model behind an OpenAI-compatible endpoint."""
