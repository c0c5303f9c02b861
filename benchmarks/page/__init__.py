"""What the page at ``/`` shows: its sample scenes, and the pictures of it in the documents."""
