"""Decoders of streams: bytes in, events out, no I/O."""
