"""The HTTP surface: reads requests, renders answers, decides nothing."""
