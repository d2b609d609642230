"""A Hugging Face Hub on loopback: the real protocol, and every way in which it can go wrong."""
