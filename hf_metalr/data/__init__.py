"""The one reader: finds, decodes and prepares the data of every command."""
