"""The command line: reads arguments, renders results, decides nothing."""
