"""The command line. Verbs have no logic of their own, and import what they need when they run."""
