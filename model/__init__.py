"""The training world: what RRCA-Net is and how it learns. Needs the extra ``train``."""
