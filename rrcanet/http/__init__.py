"""Requests and answers, without sending them: ``Client`` and ``AsyncClient`` share all of it."""
