"""Masks: how an answer carries them, and the pixels of each target."""
