"""The command line: verbs without logic. Each imports what it needs when it runs."""
