"""How fast a model file or a service answers, and how fast this device could at best. Imports no torch by itself."""
