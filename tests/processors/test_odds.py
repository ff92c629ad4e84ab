"""Log-odds."""

import pytest

from processors.odds import log_odds


def test_as_much_speaks_for_as_against_at_one_half_and_certainty_is_bounded():
    assert log_odds(0.5) == 0
    assert log_odds(0.95) == pytest.approx(2.944, abs=1e-3)
    assert log_odds(0.05) == pytest.approx(-log_odds(0.95))
    assert log_odds(1.0) == pytest.approx(-log_odds(0.0)) == pytest.approx(13.8, abs=0.1)
