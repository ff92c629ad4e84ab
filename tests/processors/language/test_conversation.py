"""What the language model is shown."""

from processors.language.conversation import Conversation, Prompt
from processors.language.engines import Message
from processors.turns import Heard

EXAMPLES = (Message("user", "Hm?"), Message("assistant", "Yes."))


def conversation(*, most_messages: int = 100, most_tokens: int = 10_000) -> Conversation:
    prompt = Prompt("You are Ada.", EXAMPLES)
    return Conversation(prompt, most_messages=most_messages, most_tokens=most_tokens, name_of=str.title)


def test_a_request_is_persona_examples_history_and_what_was_said() -> None:
    talk = conversation()
    talk.add((Heard("ann", "Hello."),), "Hi.")
    assert talk.request((Heard("ann", "Why?"),)) == [
        Message("system", "You are Ada."),
        *EXAMPLES,
        Message("user", "Hello."),
        Message("assistant", "Hi."),
        Message("user", "Why?"),
    ]


def test_a_request_alone_changes_nothing() -> None:
    talk = conversation()
    talk.request((Heard("ann", "Why?"),))
    assert talk.history == ()


def test_one_person_is_not_named_and_several_are() -> None:
    talk = conversation()
    assert talk.request((Heard("ann", "Tea?"), Heard("ann", "Now?")))[-1].content == "Tea? Now?"
    assert talk.request((Heard("ann", "Tea?"), Heard("joe", "No.")))[-1].content == "Ann: Tea?\nJoe: No."
    assert talk.request((Heard("ann", "Well."),))[-1].content == "Ann: Well."


def test_old_exchanges_are_dropped_many_at_a_time_and_pairs_stay_whole() -> None:
    talk = conversation(most_messages=8)
    lengths = []
    for number in range(20):
        talk.add((Heard("ann", f"question {number}"),), f"answer {number}")
        lengths.append(len(talk.history))
    assert max(lengths) <= 8
    assert min(lengths[4:]) <= 6
    assert [message.role for message in talk.history[:2]] == ["user", "assistant"]
    assert talk.history[-1].content == "answer 19"


def test_long_exchanges_are_dropped_by_their_length() -> None:
    talk = conversation(most_tokens=300)
    for number in range(10):
        talk.add((Heard("ann", f"{number} " + "word " * 30),), "word " * 30)
    assert sum(len(message.content) for message in talk.history) < 300 * 3.5
    assert talk.history[-2].content.startswith("9 ")


def test_it_can_begin_anew() -> None:
    talk = conversation()
    talk.add((Heard("ann", "Hello."), Heard("joe", "Hey.")), "Hi.")
    talk.clear()
    assert talk.history == ()
    assert talk.request((Heard("ann", "Why?"),))[-1].content == "Why?"


def test_what_somebody_says_who_does_not_want_to_be_remembered_is_answered_and_known_no_longer() -> None:
    off = {"joe"}
    prompt = Prompt("You are Ada.")
    talk = Conversation(
        prompt, most_messages=9, most_tokens=9999, name_of=str.title, may_stay=lambda speaker: speaker not in off
    )
    joes = (Heard("joe", "I live in Rome."),)
    assert talk.request(joes)[-1].content == "I live in Rome."
    talk.add(joes, "Rome, how nice!")
    assert talk.history == ()
    # The answer to both may quote him; what the other one said stays hers.
    talk.add((Heard("ann", "I like tea."), *joes), "Joe lives in Rome, Ann.")
    assert talk.history == (Message("user", "Ann: I like tea."),)
    off.clear()
    talk.add(joes, "Rome, how nice!")
    assert talk.history[-2:] == (Message("user", "Joe: I live in Rome."), Message("assistant", "Rome, how nice!"))


def test_another_beginning_leaves_what_was_said() -> None:
    talk = conversation()
    talk.add((Heard("ann", "Hello."),), "Hi.")
    talk.rewrite(Prompt("You are Ada, and in a hurry."))
    assert talk.request((Heard("ann", "Why?"),)) == [
        Message("system", "You are Ada, and in a hurry."),
        Message("user", "Hello."),
        Message("assistant", "Hi."),
        Message("user", "Why?"),
    ]
