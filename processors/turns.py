"""Who holds the floor in one room: a pure function of (floor, event, policy), with no clock and no I/O.

    IDLE ──voiced──► LISTENING ──eager silence, words──► GUESSING ──required silence──► ANSWERING ──played──► IDLE
                       ▲   ▲                                │                              │
                       │   └───────────── voiced ───────────┘                              │
                       └──────── voiced before the reply is audible, or talk-over ─────────┘

A *turn* is everything people say until it is answered; it may hold utterances of several speakers. An *attempt* is
one reply prepared for it. An attempt is made on the first short silence, unheard; it is confirmed when the silence
has lasted as long as the words so far require, and discarded when somebody goes on speaking. Until the reply is
audible nothing is final: whoever goes on speaking continues the same turn. Once it is audible, speech over it is
weighed by its words: a back-channel, or the bot's own words out of somebody's loudspeaker, leave the reply alone;
anything else takes the floor.
"""

from dataclasses import replace
from typing import Any

from processors.endpointing import TurnPolicy, is_back_channel, is_echo, is_premature, required_silence_ms
from processors.floor import (
    Action,
    Announce,
    Audible,
    CloseTurn,
    CloseUtterance,
    Completeness,
    Confirm,
    Discard,
    Event,
    Floor,
    GiveUp,
    Heard,
    Interrupt,
    Phase,
    Played,
    Say,
    Saying,
    Silent,
    Speculate,
    Step,
    Transcribe,
    Transcribed,
    Utterance,
    UtteranceRef,
    Verdict,
    Voiced,
)
from processors.habits import habit_of, pace, with_pause
from processors.words import Word

NOTHING_HEARD = "nothing was said"
"""Why a turn of noise closes."""

STIRS_MS = 96
"""How long (ms) past the required silence something that begins in it is waited for."""
_SAYING_CHARS = 400
"""As much of what the bot said last as may come back as an echo."""
_UNKNOWN: dict[str, Any] = {"request": None, "text": None, "words": (), "judging": False, "completeness": None}
"""What is known of an utterance's words once they have changed."""


def step(floor: Floor, event: Event, policy: TurnPolicy) -> Step:
    """Advance the floor by one event. Time arrives inside events."""
    match event:
        case Voiced():
            return _voiced(floor, event, policy)
        case Silent():
            return _silent(floor, event, policy)
        case Transcribed():
            return _transcribed(floor, event, policy)
        case Completeness():
            return _judged(floor, event, policy)
        case Verdict(attempt, answer, reason) if attempt == floor.attempt and not floor.audible:
            return _verdict(floor, answer, reason, policy)
        case Audible(attempt) if attempt == floor.attempt and floor.phase is Phase.ANSWERING:
            # The reply is heard: what led to it is final.
            closing = tuple(CloseUtterance(u.ref) for u in floor.utterances)
            last = max(floor.utterances, key=lambda u: u.stopped_ms, default=None)
            answered = (last.ref.speaker, last.stopped_ms) if last else None
            return replace(floor, audible=True, utterances=(), answered=answered), closing
        case Saying(attempt, text) if attempt == floor.attempt:
            return replace(floor, saying=f"{floor.saying} {text}"[-_SAYING_CHARS:]), ()
        case Played(attempt) if attempt == floor.attempt and floor.phase is Phase.ANSWERING:
            return _played(floor, policy)
        case Announce(text, persona) if floor.phase is Phase.IDLE:
            turn, attempt = floor.turn + 1, floor.attempt + 1
            say = Say(turn, attempt, text, persona)
            return replace(floor, phase=Phase.ANSWERING, turn=turn, attempt=attempt), (say,)
        case GiveUp(reason) if floor.phase is not Phase.IDLE and not floor.audible:
            return _give_up(floor, reason)
    return floor, ()


def _voiced(floor: Floor, event: Voiced, policy: TurnPolicy) -> Step:
    known = _find(floor, event.ref)
    if known is None:
        over_bot = floor.phase is Phase.ANSWERING and floor.audible
        utterance = Utterance(event.ref, event.at_ms - event.voiced_ms, event.at_ms, over_bot=over_bot)
    elif known.silence_ms:
        floor = _learn(floor, event.ref.speaker, event.at_ms - event.voiced_ms - known.stopped_ms)
        utterance = replace(known, silence_ms=0, stopped_ms=event.at_ms, **_UNKNOWN)
    else:
        utterance = replace(known, stopped_ms=event.at_ms)
    floor = _put(floor, utterance)
    match floor.phase:
        case Phase.IDLE:
            return replace(floor, phase=Phase.LISTENING, turn=floor.turn + 1), ()
        case Phase.GUESSING:
            return replace(floor, phase=Phase.LISTENING, verdict=None), (Discard(floor.attempt),)
        case Phase.ANSWERING if not floor.audible:
            # Nothing was heard yet, so the turn was not over after all.
            return replace(floor, phase=Phase.LISTENING, verdict=None), (Discard(floor.attempt),)
        case Phase.ANSWERING if event.voiced_ms >= policy.barge_in_ms and utterance.request is None:
            # Long enough to be a real talk-over: its words decide.
            return _ask(floor, utterance)
    return floor, ()


def _silent(floor: Floor, event: Silent, policy: TurnPolicy) -> Step:
    known = _find(floor, event.ref)
    if known is None:
        return floor, ()
    utterance = replace(known, silence_ms=event.silence_ms, stopped_ms=event.stopped_ms, stirring=event.stirring)
    if known.silence_ms == 0:
        # Words asked for while they were still being said lack the last of them.
        utterance = replace(utterance, **_UNKNOWN)
    floor = _put(floor, utterance)
    if event.silence_ms >= policy.eager_ms and utterance.request is None:
        return _ask(floor, utterance)
    return _settle(floor, policy)


def _transcribed(floor: Floor, event: Transcribed, policy: TurnPolicy) -> Step:
    known = _find(floor, event.ref)
    if known is None or known.request != event.request:
        return floor, ()
    text = event.text.strip()
    if known.over_bot:
        return _weigh_talk_over(floor, known, text, event.words, policy)
    # The verdict on its sound may have come first.
    judging = event.judging and known.completeness is None
    if known.perhaps_echo and is_echo(text, floor.saying):
        text = ""
    words = event.words if text else ()
    return _settle(_put(floor, replace(known, text=text, words=words, judging=judging)), policy)


def _judged(floor: Floor, event: Completeness, policy: TurnPolicy) -> Step:
    known = _find(floor, event.ref)
    if known is None or known.request != event.request:
        return floor, ()
    judged = replace(known, judging=False, completeness=event.probability)
    return _settle(_put(floor, judged), policy)


def _weigh_talk_over(
    floor: Floor, utterance: Utterance, text: str, words: tuple[Word, ...], policy: TurnPolicy
) -> Step:
    """Decide by its words whether speech over the bot takes the floor."""
    signal = is_back_channel(text, utterance.asked_ms) or is_echo(text, floor.saying)
    if signal and utterance.silence_ms:
        return _drop(floor, utterance), (CloseUtterance(utterance.ref),)
    if signal or (not utterance.silence_ms and is_premature(text, utterance.asked_ms)):
        # Still talking: ask again, there is more of it by now.
        return _put(floor, replace(utterance, request=None)), ()
    if floor.answered and floor.answered[0] == utterance.ref.speaker:
        # Perhaps they had only paused, and it was the bot that cut in.
        floor = _learn(floor, utterance.ref.speaker, utterance.started_ms - floor.answered[1])
    if utterance.silence_ms:
        floor = _put(floor, replace(utterance, text=text, words=words))
    else:
        # Still talking: these are not all the words.
        floor = _put(floor, replace(utterance, text=None))
    interrupt = Interrupt(floor.attempt, utterance.ref.speaker)
    floor, actions = _settle(_open(floor), policy)
    return floor, (interrupt, *actions)


def _settle(floor: Floor, policy: TurnPolicy) -> Step:
    """With everybody silent: prepare a reply once all words are known, confirm it once the silence suffices."""
    if floor.phase not in (Phase.LISTENING, Phase.GUESSING) or not floor.utterances:
        return floor, ()
    silence_ms = min(u.silence_ms for u in floor.utterances)
    if silence_ms < policy.eager_ms or any(u.text is None for u in floor.utterances):
        return floor, ()
    heard = _heard(floor)
    if not heard:
        return _close(floor, NOTHING_HEARD) if silence_ms >= policy.empty_ms else (floor, ())
    actions: tuple[Action, ...] = ()
    if floor.phase is Phase.LISTENING:
        floor = replace(floor, phase=Phase.GUESSING, attempt=floor.attempt + 1, verdict=None)
        # Nothing is sure while its sound is being judged; then it is the words that promise the least.
        wait_ms = max(0.0, _needed_ms(floor, policy, judging=False) - silence_ms)
        actions = (Speculate(floor.turn, floor.attempt, heard, wait_ms),)
    overdue_ms = silence_ms - _needed_ms(floor, policy)
    if overdue_ms < STIRS_MS and any(u.stirring for u in floor.utterances):
        # The next word, it seems: it takes a window or two to be known as one.
        return floor, actions
    if overdue_ms < 0 or (floor.verdict is None and overdue_ms < policy.gate_deadline_ms):
        return floor, actions
    if floor.verdict is False:
        closed, closing = _close(floor, floor.refusal)
        return closed, (*actions, *closing)
    floor = replace(floor, phase=Phase.ANSWERING, audible=False)
    return floor, (*actions, Confirm(floor.turn, floor.attempt, _started_ms(floor), _stopped_ms(floor)))


def _needed_ms(floor: Floor, policy: TurnPolicy, *, judging: bool | None = None) -> int:
    """The silence (ms) that ends the turn, by the words said last; `judging` says otherwise than the utterance does."""
    last = next(u for u in reversed(floor.utterances) if u.text)
    return required_silence_ms(
        last.text or "",
        policy,
        judging=last.judging if judging is None else judging,
        completeness=last.completeness,
        pace=pace(habit_of(floor.habits, last.ref.speaker), policy.habit),
    )


def _verdict(floor: Floor, answer: bool, reason: str, policy: TurnPolicy) -> Step:
    if floor.phase is not Phase.GUESSING or floor.verdict is not None:
        return floor, ()
    floor, actions = _settle(replace(floor, verdict=answer, refusal=reason), policy)
    # The turn stays open: what is said next may be addressed to us after all.
    return floor, actions if answer else (Discard(floor.attempt), *actions)


def _played(floor: Floor, policy: TurnPolicy) -> Step:
    """The reply is over. Whoever is talking over its end opens the next turn."""
    if not floor.audible:
        closing = tuple(CloseUtterance(u.ref) for u in floor.utterances)
        return _free(floor), closing
    if not floor.utterances:
        return _free(floor), ()
    beside = tuple(replace(u, perhaps_echo=u.over_bot) for u in floor.utterances)
    return _settle(_open(replace(floor, utterances=beside)), policy)


def _give_up(floor: Floor, reason: str) -> Step:
    discard = () if floor.phase is Phase.LISTENING else (Discard(floor.attempt),)
    if not floor.utterances:
        # An announcement that never became audible.
        return _free(floor), discard
    closed, closing = _close(floor, reason)
    return closed, (*discard, *closing)


def _free(floor: Floor) -> Floor:
    """Nobody's floor; what was learned stays."""
    return replace(floor, phase=Phase.IDLE, utterances=(), verdict=None, refusal="", audible=False)


def _open(floor: Floor) -> Floor:
    """Open the next turn with the utterances that are under way."""
    taken = tuple(replace(u, over_bot=False) for u in floor.utterances)
    return replace(_free(floor), phase=Phase.LISTENING, turn=floor.turn + 1, utterances=taken)


def _close(floor: Floor, reason: str) -> Step:
    closing = tuple(CloseUtterance(u.ref) for u in floor.utterances)
    closed = CloseTurn(floor.turn, _heard(floor), _started_ms(floor), _stopped_ms(floor), reason)
    return _free(floor), (*closing, closed)


def _learn(floor: Floor, speaker: str, pause_ms: float) -> Floor:
    return replace(floor, habits=with_pause(floor.habits, speaker, pause_ms))


def _ask(floor: Floor, utterance: Utterance) -> Step:
    request = floor.requests + 1
    spoken_ms = utterance.stopped_ms - utterance.started_ms
    floor = _put(replace(floor, requests=request), replace(utterance, request=request, asked_ms=spoken_ms))
    return floor, (Transcribe(utterance.ref, request),)


def _find(floor: Floor, ref: UtteranceRef) -> Utterance | None:
    return next((u for u in floor.utterances if u.ref == ref), None)


def _put(floor: Floor, utterance: Utterance) -> Floor:
    others = [u for u in floor.utterances if u.ref != utterance.ref]
    ordered = sorted([*others, utterance], key=lambda u: (u.started_ms, u.ref.speaker))
    return replace(floor, utterances=tuple(ordered))


def _drop(floor: Floor, utterance: Utterance) -> Floor:
    return replace(floor, utterances=tuple(u for u in floor.utterances if u.ref != utterance.ref))


def _heard(floor: Floor) -> tuple[Heard, ...]:
    return tuple(Heard(u.ref.speaker, u.text, u.words) for u in floor.utterances if u.text)


def _started_ms(floor: Floor) -> float:
    return min(u.started_ms for u in floor.utterances)


def _stopped_ms(floor: Floor) -> float:
    return max(u.stopped_ms for u in floor.utterances)
