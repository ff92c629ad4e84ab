"""What a conversation was like: `report.json`, a page to look at (`report.html`) and a picture (PNG).

`pipeline.report.html` and `pipeline.report.chart` are imported where they are used: the picture needs matplotlib.
"""

from pipeline.report.build import report_turn, summarise, this_machine
from pipeline.report.schema import (
    REPORT_VERSION,
    HeardWord,
    Input,
    Interruption,
    Machine,
    Percentiles,
    Report,
    Stages,
    Totals,
    Turn,
    load_report,
    schema_document,
    write_json,
)
from pipeline.report.waterfall import Segment, waterfall

__all__ = [
    "REPORT_VERSION",
    "HeardWord",
    "Input",
    "Interruption",
    "Machine",
    "Percentiles",
    "Report",
    "Segment",
    "Stages",
    "Totals",
    "Turn",
    "load_report",
    "report_turn",
    "schema_document",
    "summarise",
    "this_machine",
    "waterfall",
    "write_json",
]
