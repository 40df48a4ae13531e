"""One image or mask: found out by its file, decoded by one rule, refused rather than cut."""
