"""The bench of single engines."""

from pathlib import Path

from bench.charts import write_engines_chart
from bench.engines import in_words, measure, run_engines
from pipeline.settings import load_settings


async def test_an_engine_of_each_kind_is_measured():
    settings = load_settings(environ={})
    heard, spoken, told = [await measure(kind, "scripted", settings) for kind in ("stt", "tts", "llm")]
    assert heard.wer is not None
    assert heard.wer > 0.5, "a script does not hear what is said"
    assert 60 <= (heard.first_ms or 0) < 1000
    assert spoken.rtf
    assert spoken.first_ms
    assert spoken.first_ms >= 25
    assert told.first_ms
    assert all(one.rss_mb and not one.failure and "load" in in_words(one) for one in (heard, spoken, told))


async def test_an_engine_that_cannot_be_started_is_listed_with_its_reason():
    figures = await measure("tts", "kokoro-http", load_settings(environ={}))
    assert "KOKORO_API_URL" in figures.failure
    assert "KOKORO_API_URL" in in_words(figures)


def test_each_engine_runs_in_a_process_of_its_own_and_the_result_has_a_chart(tmp_path: Path):
    lines: list[str] = []
    result = run_engines(["tts:kokoro-http"], None, tmp_path, lines.append)
    assert len(lines) == 1
    assert "KOKORO_API_URL" in lines[0]
    assert result.with_suffix(".png").stat().st_size > 1000
    write_engines_chart(result, tmp_path / "again.png")
