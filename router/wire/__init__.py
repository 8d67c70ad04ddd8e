"""What travels on the wire between client, router and engine: server-sent events, whole answers, usage."""
