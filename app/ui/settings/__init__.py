"""The settings in the window: what can be set as data, and the page that shows it."""
