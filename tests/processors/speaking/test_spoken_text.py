"""What of a written reply is said aloud."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.speaking.spoken_text import spoken_text


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("Plain words stay, don't they?", "Plain words stay, don't they?"),
        ("**Bold**, __under__, ~~gone~~, ||hidden|| and _slanted_.", "Bold, under, gone, hidden and slanted."),
        ("***Very*** bold, **cut here", "Very bold, cut here"),
        ("a snake_case name", "a snake_case name"),
        ("2 * 3 is 6 and 5*4 is 20", "2 times 3 is 6 and 5 times 4 is 20"),
        (r"Not \*starred\* at all", "Not starred at all"),
        ("# Heading\nText", "Heading. Text"),
        ("- one\n- two, three\n* four!", "one. two, three. four!"),
        ("1. Boil water\n2) Add tea", "1, Boil water. 2, Add tea"),
        ("- [x] done\n- [ ] to do", "done. to do"),
        ("> quoted\n> words", "quoted. words"),
        ("-# small print", "small print"),
        ("Before\n---\nAfter", "Before. After"),
        ("a wrapped\nline", "a wrapped line"),
        ("| Name | Age |\n|---|:-:|\n| Ann | 7 |", "Name, Age. Ann, 7"),
        ("See https://www.example.com/a/b?c=d#e.", "See example.com."),
        ("See (https://en.wikipedia.org/wiki/Rust_(film)), ok?", "See (en.wikipedia.org), ok?"),
        ("Visit www.example.org:8080/x now", "Visit example.org now"),
        ("<https://a.io>", "a.io"),
        ('Read [the guide](https://a.com/x_(y) "Title") first', "Read the guide first"),
        ("![a cat](https://a.com/c.png) Look", "a cat Look"),
        ("Write to joe.b@mail.example.org.", "Write to joe.b at mail.example.org."),
        ("Great! 😀 Let's go 👩‍👩‍👧🇩🇪❤️👍🏽.", "Great! Let's go."),
        ("1️⃣ first", "1 first"),
        ("© 2024 Acme™ costs 5€", "© 2024 Acme™ costs 5€"),
        ("Hi :wave: there :) and <3", "Hi there and"),
        ("At 10:30:15 use std:cout", "At 10:30:15 use std:cout"),
        ("Hi <@123>, <@!4> and <@&5> in <#6> <:blob:7><a:run:8> <t:1700000000:R>.", "Hi, and in."),
        ("Try </play song:123> now", "Try play song now"),
        ("x < 3 and y > 4", "x < 3 and y > 4"),
        ("line<br>break and <b>bold</b>", "line break and bold"),
        ("Use `pip install x` now", "Use pip install x now"),
        ("Here:\n```py\nx = 1\n```\nDone", "Here: Done"),
        ("Here:\n```py\nx = 1", "Here:"),
        ("<think>secret</think>Hello", "Hello"),
        ("<thinking>secret, never closed", ""),
        ("*smiles warmly* Hello there", "Hello there"),
        ("Well *sighs* I guess so", "Well I guess so"),
        ("Okay. *The door creaks open.* Who is there?", "Okay. Who is there?"),
        ("*quietly nods* yes", "yes"),
        ("I do *not* agree, I *really do* mean it", "I do not agree, I really do mean it"),
        ("*Yes* I like *cats* more", "Yes I like cats more"),
        ("word—word -- and - then – so", "word, word, and, then, so"),
        ("it is -5 degrees, 2-3 times, well-known", "it is -5 degrees, 2-3 times, well-known"),
        (", and then", "and then"),
        ("...and then .5 more", "and then .5 more"),
        ("It is true[^1].", "It is true."),
        ("😀", ""),
        ("?!", ""),
        ("***", ""),
        ("你好，**世界**。", "你好，世界。"),
        ("  spaces \t and\u00a0more  ", "spaces and more"),
    ],
)
def test_only_what_a_person_would_say_is_said(written: str, said: str) -> None:
    assert spoken_text(written) == said


def test_a_code_block_may_be_mentioned() -> None:
    assert spoken_text("Look:\n```x```\nNice.", code_mention="Some code.") == "Look: Some code. Nice."


def test_a_number_in_the_middle_of_a_line_is_not_a_list_mark() -> None:
    assert spoken_text("2. It began", at_line_start=False) == "2. It began"


@given(st.text(max_size=300))
def test_what_is_said_is_one_trimmed_line_with_a_letter_or_digit_in_it_or_nothing(text: str) -> None:
    said = spoken_text(text)
    assert said == " ".join(said.split())
    assert not said or any(char.isalnum() for char in said)


@pytest.mark.parametrize(
    "unit", ["*a ", "`", "[", "![](", "<", "😀 ", "|", " ", "\n", "_", "-", ",", ", ", "a@", "http://(", "."]
)
def test_time_grows_linearly_with_the_text(unit: str) -> None:
    def seconds(count: int) -> float:
        begun = time.process_time()
        spoken_text(unit * count + "x")
        return time.process_time() - begun

    small, large = min(seconds(2000) for _ in range(3)), seconds(32000)
    assert large < 16 * small * 4 + 0.1
