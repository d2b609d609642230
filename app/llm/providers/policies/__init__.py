"""What stands before a provider: asking again, keeping to limits, leaving a broken one alone."""
