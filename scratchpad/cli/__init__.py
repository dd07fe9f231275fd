"""The command line. Each command has a module, and `main` imports only the module of the command that it runs."""
