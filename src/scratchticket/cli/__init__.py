"""The command line. A verb has no logic of its own and imports what it needs when it runs."""
