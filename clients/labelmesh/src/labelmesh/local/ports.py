"""Free ports on loopback."""

import socket

HOST = "127.0.0.1"


def choose(preferred: int, taken: set[int]) -> int:
    """The preferred port, or a free one when something listens there already; added to `taken`.

    0 asks for any free port.
    """
    port = preferred if preferred not in taken and _is_free(preferred) else _any_free(taken)
    taken.add(port)
    return port


def _is_free(port: int) -> bool:
    if port == 0:
        return False
    with socket.socket() as probe:
        # Without it a port in TIME_WAIT after a restart would count as taken and the address would change.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def _any_free(taken: set[int]) -> int:
    while True:
        with socket.socket() as probe:
            probe.bind((HOST, 0))
            port = int(probe.getsockname()[1])
        if port not in taken:
            return port
