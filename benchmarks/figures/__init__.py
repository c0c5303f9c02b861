"""How measured figures come into the docs: as text between two comments of a page, and as pictures."""
