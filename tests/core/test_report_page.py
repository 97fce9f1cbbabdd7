"""Reports as pages: what they show, that they run and load nothing, and how they look in a browser."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Final

import pytest
from attrs import evolve

from fieldfare.cli.app import run
from fieldfare.cli.report import report_page
from fieldfare.comparison.model import IndexComparison, Pair, QueryComparison
from fieldfare.comparison.page import comparison_page
from fieldfare.documents import Note
from fieldfare.errors import FileError
from fieldfare.hooks.manager import load_plugins
from fieldfare.hooks.markers import hookimpl
from fieldfare.plan import Estimate
from fieldfare.report import Finding, MigrationReport, ReportedChange, Result, Severity, Timings, Validation
from fieldfare.report.file import load_report, report_to_dict, write_report
from fieldfare.report.html.markup import element, visible
from fieldfare.report.html.migration import migration_page
from fieldfare.report.timeline import Timeline
from fieldfare.server import Server
from fieldfare.support.yamlfile import YamlFile, write_yaml

EVIL: Final = """<script>alert(1)</script>"'><img src=x onerror=alert(2)>&amp;\u202e"""
"""A name that would run, break out of an attribute, or reverse the line, if it were written as it is."""

RECALL: Final = {
    "field": EVIL,
    "queries": 100,
    "predicted_recall": 0.99,
    "min_recall": 0.95,
    "recall@10": 0.97,
    "recall@10_default_ef": 0.9,
    "source_recall@10_default_ef": 0.91,
}
VOID: Final = {"meta", "br", "hr", "wbr"}
PHONE: Final = 390

REPORT: Final = MigrationReport(
    index=EVIL,
    target=f"{EVIL}_v2",
    result=Result.SUCCEEDED,
    started_at="2026-03-20T10:00:00+00:00",
    finished_at="2026-03-20T10:00:09+00:00",
    backup_dir=f"/backups/{EVIL}",
    backup_prefix="/backups/migration_backup_articles",
    timings=Timings(total_duration_seconds=9.0, downtime_duration_seconds=4.0),
    validation=Validation(
        (
            Finding(f"recall:{EVIL}", passed=True, detail=EVIL, data=RECALL),
            Finding("document_count", passed=False, detail="3 fewer"),
            Finding("acme.taste", passed=False, severity=Severity.WARNING, detail="too sweet"),
        )
    ),
    warnings=(EVIL,),
    notes=(Note("overflow", EVIL, 2, (EVIL.encode(), b"doc:\xff\n\x00"), detail=EVIL),),
    steps={EVIL: {"status": "done", "documents": 10, "seconds": 1.5}},
    memory={"memory_mb_before": 10.0, "memory_mb_after": 5.0, "vector_index_mb_before": 8.0},
    latency={"median_ms": 1.0, "p99_ms": 2.0, "worst_ms": 3.0, "probes": 9},
    rewrites_documents=True,
    disk_space_estimate=Estimate(disk_bytes=5, lines=(EVIL,)),
    changes=(ReportedChange(EVIL, EVIL, lossy=True, details={"prediction": [{"datatype": EVIL, "recall@10": 0.99}]}),),
    definition_diff=("@@ -1,3 +1,3 @@", " index:", f"-  name: {EVIL}", "+  name: b", "@@ -9,1 +9,1 @@", "+last"),
    timeline=Timeline()
    .with_attempt(0.0, 1000.0)
    .with_attempt(3.0, 2000.0)
    .with_span("dump", "Back up originals", 0.0, 2.0)
    .with_span("rewrite", EVIL, 2.0, 4.0)
    .with_outage(1002.0, 6.0)
    .with_documents(0.0, 2.0, "dump", 1000)
    .with_documents(2.0, 6.0, "acme.step", 500)
    .with_latency(2.0, 3.0),
)

COMPARISON: Final = IndexComparison(
    EVIL,
    f"{EVIL}_v2",
    (
        QueryComparison(EVIL, 0.5, 0.9, 10, Pair(10, 9)),
        QueryComparison("broken", 0.0, 0.9, error=EVIL),
    ),
    Pair(10, 9),
    differences=(EVIL,),
)


class Page(HTMLParser):
    """A page that was parsed: every element is closed, in the right order."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Count it as open, unless it is never closed."""
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take it as open and closed."""
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        """Close it."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Keep the text outside of the style."""
        if self.open[-1:] != ["style"]:
            self.texts.append(data)

    @property
    def text(self) -> str:
        """All text."""
        return "\n".join(self.texts)

    @property
    def titles(self) -> list[str]:
        """The titles of the sections."""
        return [self.texts[at] for at in range(len(self.texts)) if self.texts[at] in TITLES]


TITLES: Final = (
    "What to do next",
    "Warnings",
    "What changed",
    "Timeline",
    "Throughput and latency",
    "Checks",
    "Recall",
    "Memory",
    "Documents that were not converted like the others",
    "Steps",
)


@pytest.fixture(params=[migration_page(REPORT), comparison_page(COMPARISON)], ids=["migration", "comparison"])
def text(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_names_are_text_and_never_markup(text: str) -> None:
    page = Page(text)
    assert {tag for tag, _ in page.elements}.isdisjoint({"script", "img", "iframe", "link", "object", "b&gt;"})
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
    assert EVIL.replace("\u202e", "\\u202e") in page.text
    assert "\u202e" not in text


def test_a_page_loads_nothing_from_elsewhere(text: str) -> None:
    page = Page(text)
    assert not [name for _, attributes in page.elements for name in attributes if name in {"src", "href", "srcset"}]
    assert not re.search(r"url\(|@import|https?://", text.replace(EVIL, ""))
    policy = next(each["content"] for tag, each in page.elements if each.get("http-equiv"))
    assert str(policy).startswith("default-src 'none'")


def test_a_page_has_every_section_that_its_report_has_data_for() -> None:
    assert Page(migration_page(REPORT)).titles == list(TITLES)
    bare = MigrationReport("a", "a", Result.FAILED, "", "", "", "", error="no server")
    page = Page(migration_page(bare))
    assert page.titles == []
    assert "no server" in page.text


def test_a_page_says_what_happened() -> None:
    page = Page(migration_page(REPORT)).text
    for expected in (
        "Migration succeeded: ",
        "2026-03-20 10:00:00 UTC to 2026-03-20 10:00:09 UTC",
        "1 of 3",
        "-50 %",
        "fieldfare rollback --backup-dir ",
        "0.9700",
        "doc:\\xff",
        "✗ error",
        "✗ warning",
        "here the run was resumed",
        "acme.step: documents per second",
        "median 1.00 ms, p99 2.00 ms, worst 3.00 ms, of 9 probes",
    ):
        assert expected in page
    assert "\n⋯\n" in page  # only where lines are left out
    assert page.count("⋯") == 1


def test_a_failed_run_names_the_commands_of_its_report() -> None:
    actions = ("Resume: fieldfare apply --plan p", "Roll back: fieldfare rollback --backup-dir b")
    page = Page(migration_page(evolve(REPORT, result=Result.FAILED, manual_actions=actions))).text
    assert "Resume\n" in page
    assert "fieldfare apply --plan p" in page


def test_text_that_is_not_utf8_is_spelled_out() -> None:
    assert visible("a\udcff\x00\u2066b") == "a\\xff\\x00\\u2066b"
    element("p", "\udcff\ud800").encode()


def test_a_report_reads_back_as_it_was(tmp_path: Path) -> None:
    write_report(REPORT, tmp_path / "report.yaml")
    assert load_report(tmp_path / "report.yaml") == evolve(REPORT, target=REPORT.target)
    write_report(load_report(tmp_path / "report.yaml"), tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text() == migration_page(REPORT)


def test_figures_of_the_timeline_stand_on_one_line(tmp_path: Path) -> None:
    write_report(REPORT, tmp_path / "report.yaml")
    series = next(line for line in (tmp_path / "report.yaml").read_text().splitlines() if "acme.step:" in line)
    assert series.count(",") == len(REPORT.timeline.documents["acme.step"]) - 1


def test_a_report_of_an_older_version_has_a_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    older = {
        key: value
        for key, value in report_to_dict(REPORT).items()
        if key not in {"changes", "definition_diff", "timeline", "latency", "mode", "disk_space_estimate"}
    }
    write_yaml(tmp_path / "old.yaml", older)
    assert run(["report", str(tmp_path / "old.yaml")]) == 0
    assert f"Page written to {tmp_path / 'old.html'}" in capsys.readouterr().out
    assert "Timeline" not in Page((tmp_path / "old.html").read_text()).titles


def test_a_plugin_makes_the_page_of_its_own_report() -> None:
    class Acme:
        """Knows one kind of report."""

        @hookimpl
        def fieldfare_report_page(self, document: dict[str, Any], path: str) -> str | None:
            """Make its page."""
            return f"{path}: {document['acme']}" if "acme" in document else None

    plugins = load_plugins()
    plugins.register(Acme(), "acme")
    assert report_page(YamlFile("a.yaml", {"acme": 7}), plugins) == "a.yaml: 7"
    with pytest.raises(FileError, match="not a report"):
        report_page(YamlFile("b.yaml", {"other": 7}), plugins)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("version: 1\nchanges: {}\n", "not a report"),
        ("source_index: 5\n", "must be text, not 5"),
        ("source_index: a\ntimings: 5\n", "must be a mapping"),
        ("index: a\nagainst: b\nqueries: 7\n", "queries: must be a list of mappings"),
        ("batch_id: a\nsummary: 1\nindexes: []\n", "must be a mapping"),
    ],
    ids=["a patch", "a damaged report", "damaged timings", "a damaged comparison", "a damaged batch report"],
)
def test_what_is_no_report_is_refused(
    content: str, complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "x.yaml").write_text(content)
    assert run(["report", str(tmp_path / "x.yaml"), "-o", str(tmp_path / "x.html")]) == 2
    assert complaint in capsys.readouterr().err
    assert not (tmp_path / "x.html").exists()


def test_a_page_never_replaces_its_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_report(REPORT, tmp_path / "report.yaml")
    before = (tmp_path / "report.yaml").read_bytes()
    assert run(["report", str(tmp_path / "report.yaml"), "--output", str(tmp_path / "report.yaml")]) == 2
    assert "Name another file for --output" in capsys.readouterr().err
    assert (tmp_path / "report.yaml").read_bytes() == before


def test_commands_write_pages(
    server: Server, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FIELDFARE_URL", redis_url)
    for row in range(20):
        server.command("HSET", f"doc:{row}", "title", f"t{row}", "kind", "a")
    server.command("FT.CREATE", "<i>a", "PREFIX", 1, "doc:", "SCHEMA", "title", "TEXT")
    Path("patch.yaml").write_text("version: 1\nchanges:\n  add_fields: [{name: kind, type: tag}]\n")
    assert run(["plan", "--index", "<i>a", "--schema-patch", "patch.yaml"]) == 0
    assert run(["apply", "--backup-dir", "backup", "--report-out", "apply.html", "--max-latency", "1000"]) == 0
    assert run(["validate", "--report-out", "validate.html"]) == 0
    assert run(["compare", "--index", "<i>a", "--against", "<i>a", "--report-out", "compare.html"]) != 0
    capsys.readouterr()

    applied = Page(Path("apply.html").read_text())
    assert "Timeline" in applied.titles
    assert "Index unavailable" in applied.text
    assert "add tag field 'kind'" in applied.text
    assert "+   type: tag" in applied.text
    assert "Server's answer time" in applied.text
    assert "Validation passed: <i>a" in Page(Path("validate.html").read_text()).text


@pytest.mark.parametrize(("width", "scheme"), [(1280, "dark"), (PHONE, "light")])
def test_a_page_fits_its_window_in_a_browser(width: int, scheme: str, tmp_path: Path) -> None:
    """The screenshot stays in the directory of the test; ``SCREENSHOTS`` names another one, which outlasts the run."""
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if browser is None:
        pytest.skip("no Chromium: neither chromium, chromium-browser nor google-chrome is on the PATH")
    long = evolve(REPORT, index="index_" * 30, target="target_" * 30, backup_dir="/backups/" + "d" * 300)
    path = tmp_path / "report.html"
    # a page runs no script, so the test puts its own into a copy
    page = migration_page(long).replace("default-src &#x27;none&#x27;", "script-src &#x27;unsafe-inline&#x27;")
    measure = "document.title=[innerWidth,document.documentElement.scrollWidth,...overflowing()].join('|')"
    path.write_text(page.replace("</body>", f"<script>{OVERFLOWING}\n{measure}</script></body>"))
    options: list[Any] = [
        browser,
        *(
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            f"--user-data-dir={tmp_path / 'profile'}",
        ),
        f"--blink-settings=preferredColorScheme={('dark', 'light').index(scheme)}",
        f"--window-size={width},3000",
    ]
    shot = Path(os.environ.get("SCREENSHOTS", tmp_path)) / f"report-{width}-{scheme}.png"
    subprocess.run([*options, f"--screenshot={shot}", path.as_uri()], check=True, capture_output=True, timeout=120)
    assert shot.stat().st_size > 10_000
    if width > PHONE:
        return
    done = subprocess.run([*options, "--dump-dom", path.as_uri()], check=True, capture_output=True, timeout=120)
    title = re.search(r"<title>(.*?)</title>", done.stdout.decode())
    assert title is not None
    inner, wide, *overflowing = title[1].split("|")
    assert (int(wide) <= int(inner), overflowing) == (True, [])


OVERFLOWING: Final = """
function overflowing() {
  return [...document.querySelectorAll('main *')]
    .filter(e => !e.closest('pre, .wide, svg') && e.getBoundingClientRect().right > innerWidth + 1)
    .map(e => e.tagName + '.' + e.className);
}
"""
