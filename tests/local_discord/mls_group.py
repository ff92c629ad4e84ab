"""The delivery service's view of one call's MLS group: who is in it, what is proposed, which commit wins.

It never holds a group secret: like Discord's voice gateway it signs proposals, checks key packages and tracks
the epoch and the leaves.
"""

from __future__ import annotations

from tests.local_discord.mls import BadMls, Commit, ExternalSender, KeyPackage, Proposal


class Group:
    """One call's group. Not established until the first commit is accepted."""

    def __init__(self, group_id: int) -> None:
        self.external_sender = ExternalSender()
        self.established = False
        self.epoch = 0
        self.inflight: list[Proposal] = []
        self._id = group_id.to_bytes(8, "big")
        self._leaves: list[int | None] = []

    @property
    def members(self) -> set[int]:
        """The user ids that hold a leaf."""
        return {user for user in self._leaves if user is not None}

    def reset(self) -> None:
        """Forget everyone; the next commit founds a new group."""
        self.established, self.epoch = False, 0
        self._leaves.clear()
        self.inflight.clear()

    def propose_add(self, key_package: KeyPackage) -> Proposal:
        proposal = self.external_sender.propose_add(self._id, self.epoch, key_package)
        self.inflight.append(proposal)
        return proposal

    def propose_remove(self, user_id: int) -> Proposal:
        leaf = self._leaves.index(user_id)
        proposal = self.external_sender.propose_remove(self._id, self.epoch, user_id, leaf)
        self.inflight.append(proposal)
        return proposal

    def withdraw_adds(self, user_id: int) -> list[Proposal]:
        """Take back a user's uncommitted Adds."""
        withdrawn = [p for p in self.inflight if p.adds and p.user_id == user_id]
        self.inflight = [p for p in self.inflight if p not in withdrawn]
        return withdrawn

    def removal_proposed(self, user_id: int) -> bool:
        """Whether a Remove of this user already waits for a commit."""
        return any(not p.adds and p.user_id == user_id for p in self.inflight)

    def accept(self, sender: int, commit: Commit) -> tuple[set[int], set[int]]:
        """Advance by one epoch: `(members that stay, members welcomed)`.

        Raises:
            BadMls: the commit is late, foreign, or does not carry exactly the proposals in flight.
        """
        if commit.group_id != self._id or commit.epoch != self.epoch:
            raise BadMls(f"commit for epoch {commit.epoch}, the group is at {self.epoch}")
        self._check_sender(sender, commit)
        # A founder adds everyone but itself; later, every proposal must be in.
        wanted = {p.ref: p for p in self.inflight if self.established or p.user_id != sender}
        if not wanted or set(commit.proposal_refs) != set(wanted):
            raise BadMls("the commit does not carry exactly the proposals in flight")
        committed = [wanted[ref] for ref in commit.proposal_refs]
        welcomed = {p.user_id for p in committed if p.adds}
        if bool(welcomed) != bool(commit.welcome):
            raise BadMls("a welcome is missing, or welcomes nobody")
        if not self.established:
            self._leaves = [sender]
        # RFC 9420, 12.3: Removes are applied before Adds; an Add takes the leftmost empty leaf.
        for proposal in committed:
            if not proposal.adds:
                self._leaves[proposal.leaf] = None
        stay = self.members
        for proposal in committed:
            if proposal.adds:
                self._seat(proposal.user_id)
        while self._leaves and self._leaves[-1] is None:
            self._leaves.pop()
        self.established, self.epoch = True, self.epoch + 1
        self.inflight.clear()
        return stay, welcomed

    def _check_sender(self, sender: int, commit: Commit) -> None:
        leaf = commit.sender_leaf
        if self.established and (leaf >= len(self._leaves) or self._leaves[leaf] != sender):
            raise BadMls("the commit's leaf is not the sender's")
        if not self.established and leaf != 0:
            raise BadMls("the founding commit is not from leaf 0")

    def _seat(self, user_id: int) -> None:
        if None in self._leaves:
            self._leaves[self._leaves.index(None)] = user_id
        else:
            self._leaves.append(user_id)
