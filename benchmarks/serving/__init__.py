"""Measurements of a running server from outside: ``cost``, ``load``, ``faults``, ``soak`` and ``full_queue``."""
