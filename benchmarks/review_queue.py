"""Lease and submit cycles a second over gRPC on PostgreSQL, against the SQL statements that a cycle is; see _cycles.py.

python benchmarks/review_queue.py [--reviewers 16] [--seconds 10] [--batch 10]
"""

import sys

# This file has the name of a package, which whoever imports it must find first.
sys.path.append(sys.path.pop(0))

from _cycles import main

if __name__ == "__main__":
    main()
