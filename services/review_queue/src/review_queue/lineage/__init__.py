"""What a label came from, and the chain of hashes that shows whether anything about it was altered."""
