"""Layers with at most 8 channels at full size, computed on pairs of pixels.

A vector of AVX-512 has 16 lanes. OpenVINO puts the channels of one pixel side by side, so 8 channels fill half of it.
Two neighbours of a row as one pixel with 16 channels fill it: ``[1, 8, H, W] -> [1, 16, H, W / 2]``. With channels
last, both are the same bytes, so changing between them costs nothing. A convolution then computes both pixels of a pair
at once: its kernel is one column wider and moves by two.
"""
