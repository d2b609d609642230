"""Where other programs keep their models, one file for each program."""
