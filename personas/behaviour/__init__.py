"""How a character behaves when nobody tells it to: moods, reactions, remarks of its own, growing with its
people.

Everything here is a pure function of (state, event, clock, dice). Wanting to speak is not speaking: a
function returns an `Impulse`, and the thinking model is asked before anything is said.
"""

from personas.behaviour.events import Answered, Event, Impulse, JoinedVoice, Kind, Quiet, Said
from personas.behaviour.mind import Mind, observe, prompt_lines
from personas.behaviour.mood import Feeling
from personas.behaviour.mood_names import Mood
from personas.behaviour.settings import BehaviourSettings
from personas.behaviour.timing import answer_delay_s

__all__ = [
    "Answered",
    "BehaviourSettings",
    "Event",
    "Feeling",
    "Impulse",
    "JoinedVoice",
    "Kind",
    "Mind",
    "Mood",
    "Quiet",
    "Said",
    "answer_delay_s",
    "observe",
    "prompt_lines",
]
