"""Results as tables, pictures and the page ``docs/development/peers.md``."""
