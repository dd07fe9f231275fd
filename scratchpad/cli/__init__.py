"""The command line: `main` and one module per command. `main` imports a command's module only when it runs it."""
