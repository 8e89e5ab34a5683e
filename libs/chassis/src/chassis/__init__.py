"""How a Labelmesh service runs: wire, events, storage, settings, telemetry. It knows nothing about labels."""
