"""RRCA-Net: the network, its datasets, its training and its scores. The package needs the extra ``train``."""
