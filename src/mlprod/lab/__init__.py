"""Opening the lab and looking at the machine."""
