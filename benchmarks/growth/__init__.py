"""What answers cost as frames, targets, requests, models and connections grow."""
