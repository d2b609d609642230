"""Tests of the starter's recipe, which need PyTorch: `make test-train`."""
