"""The report for people."""

import io
import re
import shlex
import shutil
import sys
from pathlib import Path

from rich import box
from rich.console import (
    CONSOLE_SVG_FORMAT,  # pyright: ignore[reportPrivateImportUsage] -- rich documents it as this module's
    Console,
)
from rich.table import Table

from streamguard.cli.demo.accounts import Sides
from streamguard.cli.demo.figures import Figures, percentile
from streamguard.cli.demo.report import Report
from streamguard.errors import InputError
from streamguard.money import format_usd

_COLUMNS = 124
_PICTURE = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
"""As rich draws a terminal, but with the reader's own fixed-width font: a picture that fetches nothing from anywhere."""


def print_report(report: Report, folder: Path, console: Console) -> None:
    """Everything on one page, the verdict last but for what to do next."""
    audit, figures = report.audit, report.figures
    rate = audit.requests / report.traffic_seconds if report.traffic_seconds else 0.0
    console.print()
    console.print(
        f"[bold]{audit.requests:,} requests in {report.traffic_seconds:.1f} s[/bold] ({rate:.0f} a second), "
        f"{report.seconds:.1f} s with starts and the wait for the store",
        highlight=False,
        soft_wrap=not console.record,
    )
    for title, table in (
        ("How they ended", _outcomes(report)),
        ("Models, with their tokens", _models(figures)),
        (f"Milliseconds, with at most {report.in_flight} requests under way", _latency(report)),
    ):
        console.print(f"\n[bold]{title}[/bold]", highlight=False)
        console.print(table)
    console.print(_cache_line(figures), highlight=False, soft_wrap=not console.record)
    console.print(_calls_line(figures), highlight=False, soft_wrap=not console.record)
    console.print(_streams_line(report), highlight=False, soft_wrap=not console.record)
    _print_audit(report, console)
    _print_next(folder, console)


def save_picture(report: Report, folder: Path, file: Path) -> None:
    """The report as a picture of a terminal (SVG). Raises `InputError` when the file cannot be written."""
    console = Console(record=True, width=_COLUMNS, file=io.StringIO())
    print_report(report, folder, console)
    try:
        console.save_svg(str(file), title="streamguard demo", code_format=_PICTURE)
    except OSError as error:
        raise InputError(f"{file}: cannot be written ({error.strerror})") from None


def _table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left", no_wrap=True)
    return table


def _outcomes(report: Report) -> Table:
    audit, figures = report.audit, report.figures
    table = _table("", "requests")
    for status in ("answered", "refused", "failed", "escalated"):
        table.add_row(f"[bold]{status}[/bold]", f"{figures.statuses[status]:,}")
    for reason, count in figures.reasons.most_common():
        table.add_row(f"  {reason}", f"{count:,}")
    for degraded, count in figures.degraded.most_common():
        table.add_row(f"  answered, but only by {degraded.replace('_', ' ')}", f"{count:,}")
    table.add_row("dead-lettered", f"{audit.dead_letters:,}")
    return table


def _models(figures: Figures) -> Table:
    table = _table("", "calls", "failed", "skipped", "in", "out", "cost")
    for name, model in sorted(figures.models.items()):
        numbers = (model.calls, model.failed, model.skipped, model.input_tokens, model.output_tokens)
        table.add_row(name.partition("/")[2], *(f"{number:,}" for number in numbers), format_usd(model.cost_nusd))
    table.add_row("[bold]in all[/bold]", f"{figures.calls:,}", "", "", "", "", format_usd(figures.cost_nusd))
    return table


def _latency(report: Report) -> Table:
    table = _table("", "p50", "p95", "p99")
    rows = {"sent to response": [each * 1e6 for each in report.latencies]}
    rows |= {
        f"  asked of a model, {lane}": [float(each) for each in t]
        for lane, t in sorted(report.figures.lanes_us.items())
    }
    rows |= {f"  {stage}": [float(each) for each in times] for stage, times in report.figures.stages_us.items()}
    for name, times in rows.items():
        table.add_row(name, *(f"{percentile(times, share) / 1000:,.1f}" for share in (0.5, 0.95, 0.99)))
    return table


def _cache_line(figures: Figures) -> str:
    cache = figures.cache
    hits = cache["exact"] + cache["semantic"]
    asked = hits + cache["miss"]
    share = f" ({hits / asked:.0%})" if asked else ""
    return f"Cache: {hits:,} of {asked:,} answered from it{share}, {format_usd(figures.saved_nusd)} saved"


def _calls_line(figures: Figures) -> str:
    failures = ", ".join(f"{count} {error}" for error, count in figures.errors.most_common()) or "none"
    return (
        f"Calls: {figures.retries:,} retries, {figures.fallbacks:,} fallbacks, {figures.reasks:,} asked again for the "
        f"form, {figures.trips:,} breaker trips, {figures.estimated:,} estimated; failures: {failures}; answers by rung: "
        + ", ".join(f"{count:,} {rung.replace('_', ' ')}" for rung, count in figures.rungs.most_common())
    )


def _streams_line(report: Report) -> str:
    audiences, first = report.audiences, report.figures.first_token_us
    texts = audiences.first_texts
    return (
        f"Streams: {audiences.requests:,} asked for, {audiences.shown:,} shown in {audiences.chunks:,} chunks, "
        f"{audiences.restarted:,} begun anew, {audiences.retracted:,} taken back; first token after "
        f"{percentile(first, 0.5) / 1e3:,.0f} ms, p99 {percentile(first, 0.99) / 1e3:,.0f} ms of the call, first text after "
        f"{percentile(texts, 0.5) * 1e3:,.0f} ms, p99 {percentile(texts, 0.99) * 1e3:,.0f} ms of the request. "
        f"Cancelled: {report.figures.cancelled:,}. Answers that call tools: {report.figures.tool_calls:,}"
    )


def _print_audit(report: Report, console: Console) -> None:
    audit, figures = report.audit, report.figures
    statuses = figures.statuses
    console.print()
    console.print("[bold]Audit[/bold]")
    console.print(
        f"  sent {report.sent:,} = {audit.requests:,} requests + {audit.repeated:,} sent again; "
        f"answered {statuses['answered']:,}, refused {statuses['refused']:,}, failed {statuses['failed']:,}, "
        f"escalated {statuses['escalated']:,}, dead-lettered {audit.dead_letters:,}; "
        f"[bold]lost {audit.lost:,}, twice {audit.twice:,}[/bold]",
        highlight=False,
        soft_wrap=not console.record,
    )
    console.print(
        f"  outcomes {audit.outcomes:,}, rows in the store {report.stored.rows:,}; cost {format_usd(figures.cost_nusd)} in "
        f"the outcomes, {format_usd(report.stored.cost_nusd)} in the store, {format_usd(report.books.cost_nusd)} in the "
        "provider's books",
        highlight=False,
        soft_wrap=not console.record,
    )
    accounts = report.accounts
    console.print(
        f"  of these {accounts.exact.calls:,} calls with their usage reported, {format_usd(accounts.exact.outcomes_nusd)} in "
        f"both; {accounts.estimated.calls:,} estimated, {_off(accounts.estimated)}; {accounts.cut.calls:,} cut by us, "
        f"{_off(accounts.cut)}",
        highlight=False,
        soft_wrap=not console.record,
    )
    for remark in report.remarks():
        console.print(f"  [yellow]note:[/yellow] {remark}", highlight=False, soft_wrap=not console.record)
    problems = report.problems()
    for problem in problems:
        console.print(f"  [red]wrong:[/red] {problem}", highlight=False, soft_wrap=not console.record)
    console.print(
        "  [red]FAILED[/red]" if problems else "  [green]passed[/green]: all books agree, estimates within their bound"
    )


def _off(sides: Sides) -> str:
    return f"{format_usd(sides.outcomes_nusd)} to the provider's {format_usd(sides.provider_nusd)} ({sides.off:+.1%})"


def _print_next(folder: Path, console: Console) -> None:
    program, store = _program(), shlex.quote(str(folder / "store"))
    question = "SELECT status, reason, count() AS n, sum(cost) AS usd FROM requests GROUP BY ALL ORDER BY n DESC"
    console.print("\n[bold]Go on with[/bold]")
    for command in (
        f'{program} query --path {store} "{question}"',
        f"{program} store --path {store} --port 8123",
        f"{program} demo --texts FILE",
    ):
        console.print(f"  {command}", highlight=False, soft_wrap=not console.record, markup=False)


def _program() -> str:
    """How this program is called from here."""
    if shutil.which("streamguard"):
        return "streamguard"
    called = Path(sys.argv[0])
    if called.name != "streamguard":
        return f"{shlex.quote(sys.executable)} -m streamguard"
    return shlex.quote(str(called.relative_to(Path.cwd()) if called.is_relative_to(Path.cwd()) else called))
