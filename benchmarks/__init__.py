"""Speed and memory, against a reference and against the machine's limit."""
