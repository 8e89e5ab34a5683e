"""The `labelmesh` command line."""
