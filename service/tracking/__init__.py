"""Links the targets of one frame after another to tracks.

Nothing is imported here: a server needs ``settings`` alone until a stream asks for tracks, and SciPy's optimisation,
which ``association`` needs, takes a sixth of a second and 20 MB.
"""
