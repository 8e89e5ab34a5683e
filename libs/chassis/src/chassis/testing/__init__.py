"""Real parts for tests: a broker, a database server, a served servicer."""

from chassis.testing.broker import NatsServer, nats_server
from chassis.testing.postgres import new_database, postgres_server
from chassis.testing.served import serving
from chassis.testing.sockets import unused_port

__all__ = ["NatsServer", "nats_server", "new_database", "postgres_server", "serving", "unused_port"]
