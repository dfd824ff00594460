"""What the site is doing: every process reports; one address and one page show all of them."""
