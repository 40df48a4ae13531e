"""Measurements that the README cites; each module is one command."""
