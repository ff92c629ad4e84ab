"""Discord voice: gateway, end-to-end encryption, receive, paced send."""
