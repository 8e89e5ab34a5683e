"""Everything on one machine: broker, local model and services as supervised processes."""
