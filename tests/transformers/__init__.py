"""The extra `transformers`: run by `make test-transformers`, apart from the other tests."""
