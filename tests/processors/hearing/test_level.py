import subprocess
import sys


def test_nothing_is_imported_in_the_middle_of_the_first_sentence():
    program = """
import sys
import numpy as np
from processors.hearing.level import LevelTracker, trailing_silence_ms
before = set(sys.modules)
LevelTracker().follow(np.ones(512, np.int16))
trailing_silence_ms(np.ones(16000, np.int16))
print(sorted(set(sys.modules) - before))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"
