"""The `labelmesh` command line."""

import os

# gRPC's core writes connection trouble to stderr by itself; what matters of it reaches the user as a sentence.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
