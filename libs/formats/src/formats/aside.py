"""Lines that belong to a folder or archive as a whole, set aside on the disk while its members are written."""

import tempfile
from typing import IO, Any

from formats.draft import Tree, as_json

_IN_MEMORY = 1 << 20


class Aside:
    """A file put into its tree at the end."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._file: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - closed by put_into

    def add(self, value: Any) -> None:
        """Write a JSON value on a line."""
        self.line(as_json(value))

    def line(self, text: str) -> None:
        """Write a line."""
        self._file.write(text.encode() + b"\n")

    def put_into(self, tree: Tree) -> None:
        """Move the lines into the tree; nothing can be added any more."""
        with self._file as file:
            file.seek(0)
            tree.copy(self._name, file)
