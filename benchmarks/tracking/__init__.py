"""Compares trackers on simulated sequences: ids, confirmed tracks and false alarms."""
