"""Detections in the forms of other libraries, which are imported only here."""
