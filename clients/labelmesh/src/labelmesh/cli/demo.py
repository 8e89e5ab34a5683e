"""`labelmesh demo`."""


def demo() -> None:
    """Demo."""
