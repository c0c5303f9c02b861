"""RRCA-Net for programs: find small targets in infrared frames, with a server or without."""
