"""Files that users bring and take: rows to import, JSONL and CoNLL to export."""
