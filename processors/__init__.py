"""What frames flow through. Knows no transport, no Discord, no command line."""
