"""The service beside other servers that run the same model file: ``make bench``."""
