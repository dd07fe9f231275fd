"""The command line: `main` and one module per command, which `main` imports only to run that command."""
