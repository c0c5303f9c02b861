"""``WS /v1/stream``: frames in, the targets of each out, in order."""
