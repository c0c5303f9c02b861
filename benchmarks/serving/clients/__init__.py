"""Clients of a server under test: HTTP over one connection, request bodies, arrival times, disturbances."""
