"""What lies in a folder: listed by ourselves, every file read or left out with the reason."""
