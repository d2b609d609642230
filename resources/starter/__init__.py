"""The recipe of the starter model: its text, its training and its evaluation. See README.md."""
