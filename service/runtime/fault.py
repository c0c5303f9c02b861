"""What keeps a model from being served."""


class ModelFault(Exception):
    """A model file or a device that cannot be served from, and what to do about it."""
