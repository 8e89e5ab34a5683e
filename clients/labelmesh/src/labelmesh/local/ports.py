"""Free ports on loopback, each chosen once."""

import socket
from contextlib import ExitStack
from types import TracebackType
from typing import Self

HOST = "127.0.0.1"


class Ports:
    """Chooses TCP ports that nobody listens on and no other instance holds, in this process or any of this machine.

    A program listens on its port only seconds after the port was chosen for it. Until this is closed the UDP port of
    the same number, which nothing of ours uses, is therefore bound as a sign: it goes with the process, however that
    ends.
    """

    def __init__(self) -> None:
        self._held = ExitStack()

    def choose(self, preferred: int) -> int:
        """The preferred port, or a free one when it is taken. 0 asks for any free port."""
        if preferred and self._hold(preferred):
            return preferred
        while not self._hold(port := _any()):
            pass
        return port

    def _hold(self, port: int) -> bool:
        if not _is_free(port):
            return False
        sign = socket.socket(type=socket.SOCK_DGRAM)
        try:
            sign.bind((HOST, port))
        except OSError:
            sign.close()
            return False
        self._held.enter_context(sign)
        return True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._held.close()


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # Without it a port in TIME_WAIT after a restart would count as taken and the address would change.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def _any() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
