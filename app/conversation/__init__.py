"""Conversations: a question to the manager, its answer into the history, whoever looks on."""
