"""The turns that are played: made on this machine from published packages, the same every time.

`manifest` says what a turn is, `plan` which ones there are, `packages`, `recordings` and `voices` where their sound
comes from, `levels` where speech begins, pauses and ends, `build` puts them together, `store` keeps them.
"""
