"""What every folder builds on: errors, exact quantities, random numbers, files, processes."""
