"""Where a reply is cut into clauses, and that nothing of it is lost or moved by how it arrives."""

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from processors.speaking.clauses import Clause, ClausePolicy, ClauseSplitter

SENTENCES = ClausePolicy(
    first_min_words=20, first_link_words=30, first_max_words=60, sentence_min_words=1, long_words=200
)
"""Cuts at sentence ends only, so that a table of sentences tests the sentence rule alone."""


def split(*deltas: str, policy: ClausePolicy | None = None) -> list[Clause]:
    splitter = ClauseSplitter(policy)
    return [clause for delta in deltas for clause in splitter.feed(delta)] + splitter.flush()


def texts(reply: str, policy: ClausePolicy | None = None) -> list[str]:
    return [clause.text for clause in split(*reply, policy=policy)]


def spoken(reply: str, policy: ClausePolicy | None = None) -> list[str]:
    return [clause.spoken for clause in split(*reply, policy=policy) if clause.spoken]


FRAGMENTS = (
    "!/?/:/;/,/./|/*/[/]/`/~~/x/0/…/—/--/ / - /Well, / I think /Dr. Smith /e.g. this /U.S. / a.m. / 3.14 "
    "/ 12:30 / v1.2.3 / $5.99 /```/```py\n/`a, b` /<think>/*smiles, softly* /**bold, text** /joe@mail.com /😀 "
    "/👩\u200d👩\u200d👧/\n- item one/\n1. first/\n\n/\n/# Head\n/|a|b|\n/你好，世界。/「はい。」/ 'tis /\t/\u2028 "
    '/<@123>/_x_/(really)/wait!? / and / because /," she said. / 1,000,000 /... /\\/'
).split("/")
"""What language models write, and what trips up whoever cuts it."""
TAGS_AND_LINKS = ("</think>", "[a, b](https://x.org/a,b) ", "https://e.com/a?b=c,d. ")
REPLIES = st.one_of(
    st.text(max_size=300), st.lists(st.sampled_from([*FRAGMENTS, *TAGS_AND_LINKS]), max_size=60).map("".join)
)
POLICIES = st.sampled_from(
    [ClausePolicy(), SENTENCES, ClausePolicy(max_chars=40), ClausePolicy(max_chars=60, code_mention="")]
)


@given(reply=REPLIES, policy=POLICIES, data=st.data())
@example(reply="x" * 200 + "..." + "y" * 200, policy=ClausePolicy(max_chars=40), data=None)
def test_the_clauses_do_not_depend_on_how_the_reply_arrives(
    reply: str, policy: ClausePolicy, data: st.DataObject | None
) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(reply)), max_size=12))) if data else []
    pieces = [reply[a:b] for a, b in zip([0, *cuts], [*cuts, len(reply)], strict=True)]
    whole = split(reply, policy=policy)
    assert split(*pieces, policy=policy) == whole
    assert split(*reply, policy=policy) == whole


@given(reply=REPLIES, policy=POLICIES)
def test_the_clauses_joined_are_the_reply(reply: str, policy: ClausePolicy) -> None:
    clauses = split(*reply, policy=policy)
    assert "".join(clause.text for clause in clauses) == reply
    assert all(clause.text == reply[clause.start : clause.end] and clause.text for clause in clauses)
    assert all(len(clause.text) <= policy.max_chars for clause in clauses[:-1])


@given(reply=REPLIES, policy=POLICIES)
def test_little_is_held_back(reply: str, policy: ClausePolicy) -> None:
    splitter = ClauseSplitter(policy)
    held = 0
    for char in reply:
        held += 1 - sum(len(clause.text) for clause in splitter.feed(char))
        assert held <= policy.max_chars + 64


@pytest.mark.parametrize(
    ("reply", "first"),
    [
        ("Well, I think so, and you?", "Well, I think so,"),
        ("Sure! I can do that.", "Sure!"),
        ("I went to the market and bought some bread", "I went to the market"),
        ("In the evening: we dance.", "In the evening:"),
        ("I was there -- and then I left.", "I was there --"),
        ("That is hard—really hard.", "That is hard—"),
        ("Let me see... maybe later.", "Let me see..."),
        ("I'm sorry, but that is not what I meant.", "I'm sorry,"),
        ("Well, hello.", "Well, hello."),
        ("one two three four five six seven eight nine ten", "one two three four five"),
        ("It costs 1,000,000 dollars, all told.", "It costs 1,000,000 dollars,"),
        ("Meet me at 12:30, please.", "Meet me at 12:30,"),
        ("Go to https://a.com/x,y;z:1 now, friend.", "Go to https://a.com/x,y;z:1 now,"),
        ("*smiles, waves. Laughs!* Hello there! More.", "*smiles, waves. Laughs!* Hello there!"),
        ("Call `f(a, b)` in it, then stop.", "Call `f(a, b)` in it,"),
        (
            "See [the long page](https://a.com) first, then ask.",
            "See [the long page](https://a.com) first,",
        ),
        ("我们去公园吧，怎么样？好。", "我们去公园吧，"),
    ],
)
def test_the_first_clause_is_short_but_whole(reply: str, first: str) -> None:
    assert texts(reply)[0] == first


def test_later_clauses_grow_to_sentences() -> None:
    reply = (
        "Oh yes, of course, I remember. We met in spring, by the lake, under the old tree, with the dog. You wore a "
        "hat, a red one, and we talked, at length, about boats, rivers, and the sea, until it was dark, and cold."
    )
    assert texts(reply) == [
        "Oh yes,",
        " of course, I remember.",
        " We met in spring, by the lake, under the old tree, with the dog.",
        " You wore a hat, a red one, and we talked, at length, about boats, rivers, and the sea,",
        " until it was dark, and cold.",
    ]


@pytest.mark.parametrize(
    ("reply", "count"),
    [
        ("Dr. Who met Mrs. Brown. They spoke.", 2),
        ("Take fruit, e.g. apples, i.e. Fruit. Good.", 2),
        ("The U.S. Army came. It left.", 2),
        ("He lives in the U.S. It is large.", 2),
        ("We met at 5 a.m. on a Sunday. It rained.", 2),
        ("We met at 5 a.m. It rained.", 2),
        ("Samuel L. Jackson acts. Well.", 2),
        ("Plan B. It works.", 2),
        ("Apples, pears, etc. are fruit. Yes.", 2),
        ("See fig. 3 on p. 12. It helps.", 2),
        ("No. 5 is alive. No. It is not.", 3),
        ("On Dec. 5 we leave. Bye now.", 2),
        ("Pi is 3.14159. Version 1.2.3 is out. It costs $4.50. Now 12:30.", 4),
        ("Open example.com. Or mail joe@a.co.uk. Done.", 3),
        ("See https://a.com/x.html?y=1.2. Then go.", 2),
        ("Really?! Yes!!! Oh...", 3),
        ("Well... I am here. Hm... no.", 3),
        ('"Stop!" he said. "Why?" She left.', 3),
        ("(I know.) Fine.", 2),
        ("**Bold end.** Next.", 2),
        ("sure. i can do that.", 2),
        ("Steps:\n1. Boil water\n2. Add tea\nDone", 4),
        ("# Title\n\nText here\n\nMore", 3),
        ("A hard\nwrapped line stays whole. Yes.", 2),
        ("你好。我很好！是吗？", 3),
        ("「はい。」と言った。", 2),
        ("3 - 2 is 1. Good.", 2),
        ("Mr. and Mrs. Smith vs. St. John. Go.", 2),
        ("The file is ../../x.py. Good.", 2),
    ],
)
def test_sentences_end_where_they_end(reply: str, count: int) -> None:
    assert len(texts(reply, SENTENCES)) == count, texts(reply, SENTENCES)


@pytest.mark.parametrize(
    "token",
    [
        "1,234,567.89",
        "https://a.com/b,c;d...e--f",
        "12:30:15",
        "joe.b@mail.example.org",
        "v1.2.3-rc.4",
        "$1,5",
        "1—2",
        "U.S.A.",
    ],
)
@pytest.mark.parametrize(
    "policy", [ClausePolicy(first_min_words=1, first_link_words=1, first_max_words=2), ClausePolicy()]
)
def test_a_number_or_address_stays_whole(token: str, policy: ClausePolicy) -> None:
    reply = f"It was, all told, {token} then, as it were, {token}, and so on and so forth."
    assert sum(token in clause for clause in texts(reply, policy)) >= 1
    assert sum(clause.count(token) for clause in texts(reply, policy)) == 2


def test_a_clause_is_handed_out_as_soon_as_the_white_space_behind_it_arrives() -> None:
    splitter = ClauseSplitter()
    assert splitter.feed("I think so,") == []
    assert [clause.text for clause in splitter.feed(" ")] == ["I think so,"]


def test_thoughts_code_and_asides_are_kept_but_not_said() -> None:
    reply = "<think>Let me see. Hm, yes.</think>Here you are:\n```py\nprint('a, b. C')\n```\n*bows deeply* 😀 Enjoy it!"
    assert "".join(texts(reply)) == reply
    assert spoken(reply) == ["Here you are:", "The code is in the text.", "Enjoy it!"]
    assert spoken(reply, ClausePolicy(code_mention="")) == ["Here you are:", "Enjoy it!"]


def test_code_longer_than_a_clause_is_mentioned_once() -> None:
    reply = "Look here:\n```\n" + "x = 1, 2. Then!\n" * 200 + "```\nThat is all."
    assert spoken(reply) == ["Look here:", "The code is in the text.", "That is all."]


def test_a_stage_direction_longer_than_a_clause_is_not_said() -> None:
    reply = "Hello there. *" + "walks slowly, very slowly, to the door. " * 30 + "stops* And now we talk."
    assert spoken(reply) == ["Hello there.", "And now we talk."]


def test_the_rest_of_an_endless_word_is_not_said() -> None:
    reply = "x" * 3000 + " that was long."
    assert spoken(reply) == ["x" * 400, "that was long."]


def test_an_overfull_clause_ends_at_a_word() -> None:
    clauses = texts("lorem ipsum " * 200, ClausePolicy(max_chars=50))
    assert all(clause.strip().split()[-1] in ("lorem", "ipsum") for clause in clauses if clause.strip())


def test_a_word_cut_into_tokens_is_no_boundary() -> None:
    deltas = ["I saw D", "r", ".", " J", "ones pay $1", ",", "299", ".", "99 at 10", ":", "45 a", ".m", ". in the shop"]
    assert [clause.text for clause in split(*deltas)] == texts("".join(deltas))
    assert texts("".join(deltas)) == ["I saw Dr. Jones pay", " $1,299.99 at 10:45 a.m. in the shop"]


def test_an_empty_reply_has_no_clauses() -> None:
    assert split("") == [] == split()


def test_a_policy_whose_first_clause_could_not_end_is_refused() -> None:
    with pytest.raises(ValidationError, match="first_link_words"):
        ClausePolicy(first_min_words=9, first_link_words=4)


@pytest.mark.parametrize(
    "unit",
    [
        "word, ",
        "😀",
        "*",
        "[",
        "`",
        "(",
        "a.",
        "... ",
        "\n",
        " ",
        "U.S. ",
        "—",
        "``` ",
        "<think>",
        "|",
        "x",
        "_",
        "-",
        ",",
        "！",
        "1. ",
    ],
)
def test_time_grows_linearly_with_the_reply(unit: str) -> None:
    def seconds(count: int) -> float:
        deltas = [unit] * count
        begun = time.process_time()
        split(*deltas)
        return time.process_time() - begun

    seconds(200)
    small, large = min(seconds(1000) for _ in range(3)), seconds(8000)
    assert large < 8 * small * 3 + 0.1
