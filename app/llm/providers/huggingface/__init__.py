"""Hugging Face models in this process, by transformers; torch is imported on their thread alone."""
