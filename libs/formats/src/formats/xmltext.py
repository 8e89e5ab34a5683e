"""Text that XML can hold."""

import re

_UNSAYABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def sayable(text: str) -> str:
    """The text without the control characters that XML 1.0 has no way to write; they become U+FFFD."""
    return _UNSAYABLE.sub("\ufffd", text)
