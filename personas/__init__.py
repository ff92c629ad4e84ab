"""Characters as plain domain code: no frames, no asyncio, no Discord."""
