"""The system of record: projects, assets, labels with every revision, review tasks, leases and corrections."""
