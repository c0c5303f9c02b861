"""The bridge: turns a checkpoint into a model file and proves that the two agree."""
