"""What `data` may name, one file a kind. Each opens its source and returns an `Opened`."""
