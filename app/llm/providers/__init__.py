"""One interface over every place that models live in."""
