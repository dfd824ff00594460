"""From lanes to viewers: what happens is gathered, stored, and put into the run's log."""
