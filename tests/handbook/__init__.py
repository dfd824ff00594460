"""Makes the handbook: a page with a picture for each strategy."""
