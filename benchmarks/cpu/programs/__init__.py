"""Ways to run the network, each as its own documentation has it. Some run in environments without this package."""
