import subprocess
import sys

from processors.hearing.level import PauseLevel


def test_nothing_is_imported_in_the_middle_of_the_first_sentence():
    program = """
import sys
import numpy as np
from processors.hearing.level import LevelTracker, PauseLevel, trailing_silence_ms
before = set(sys.modules)
LevelTracker().follow(np.ones(512, np.int16))
PauseLevel().rises(1.0, 96)
trailing_silence_ms(np.ones(16000, np.int16))
print(sorted(set(sys.modules) - before))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


def test_what_stands_out_of_a_pause_is_louder_than_the_pause_not_than_speech():
    pause = PauseLevel()
    assert not pause.rises(400, 64)
    assert [pause.rises(level, 96 + 32 * at) for at, level in enumerate((50, 60, 55, 50))] == [False] * 4
    assert not pause.rises(90, 224)
    assert pause.rises(130, 256)


def test_the_last_word_that_dies_away_is_not_the_level_of_the_pause():
    pause = PauseLevel()
    for silence_ms, level in ((32, 900), (64, 500), (96, 60), (128, 60)):
        pause.rises(level, silence_ms)
    assert pause.rises(200, 160)


def test_in_digital_silence_only_what_can_be_heard_stands_out():
    pause = PauseLevel()
    for silence_ms in range(96, 256, 32):
        assert not pause.rises(0, silence_ms)
    assert not pause.rises(20, 256)
    assert pause.rises(100, 288)


def test_a_new_pause_is_a_new_level():
    pause = PauseLevel()
    for silence_ms in range(96, 256, 32):
        pause.rises(10, silence_ms)
    pause.begin()
    assert not pause.rises(300, 128)
