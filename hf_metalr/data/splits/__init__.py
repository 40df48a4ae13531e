"""Who trains, who validates, who tests, and who is drawn."""
