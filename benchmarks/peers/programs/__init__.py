"""The other servers, each as its own documentation writes it. They run in environments without this package."""
