"""The command line beside the window; it never imports Qt."""
