"""Pictures of projects into predictions: runs, from events and on demand."""
