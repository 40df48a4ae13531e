"""One file per command. Each defines `COMMAND`; a file that is put here is a command of `hf-metalr`."""
