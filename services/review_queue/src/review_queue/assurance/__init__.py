"""What labels may be trusted for: random audits, thresholds of automatic acceptance, gold, certificates."""
