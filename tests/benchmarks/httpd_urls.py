"""Ten thousand URLs asked of one large tree, and the cost of trees of one, two, four and eight times the size."""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path

from tests.benchmarks.httpd_reading import VIRTUAL_HOSTS, as_installed, write_tree
from tests.benchmarks.timing import Cost, compare, cost_of_process

URLS = 10_000
_SIZES = (1, 2, 4, 8)


def run() -> str:
    """What one more URL costs, and the CPU time a line, each on a line."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        return "\n".join([*_urls(folder), *_growth(folder)])


def _command(root: Path, urls: Path, form: str = "json") -> list[str]:
    auditor = str(Path(sys.executable).with_name("auditor"))
    words = ["--urls-from", str(urls), "--httpd-version", "2.4.62", "--format", form]
    return [auditor, "explain", str(root), *words]


def _list(path: Path, count: int) -> Path:
    hosts = (number % VIRTUAL_HOSTS for number in range(count))
    path.write_text(
        "".join(f"http://site{host}.example:8080/app{at % 6}/{at}\n" for at, host in enumerate(hosts)),
    )
    return path


def _urls(folder: Path) -> list[str]:
    root, compiled = folder / "httpd", as_installed(folder)
    write_tree(root)
    one, many = _list(folder / "one", 1), _list(folder / "many", URLS)
    lines = []
    for form in ("json", "table"):
        commands = [_command(root, urls, form) for urls in (many, one)]
        ours, base = compare(
            lambda command=commands[0]: cost_of_process(command, compiled),  # type: ignore[misc]
            lambda command=commands[1]: cost_of_process(command, compiled),  # type: ignore[misc]
            runs=3,
        )
        each = statistics.median((ten.cpu - single.cpu) / (URLS - 1) for ten, single in zip(ours, base, strict=True))
        lines.append(
            f"{URLS:,} URLs of 1,000 virtual hosts, explained as {form}: {each * 1000:.2f} ms CPU time each, "
            f"median of {len(ours)}; aim 1"
        )
    return lines


def _growth(folder: Path) -> list[str]:
    compiled = as_installed(folder)
    urls = _list(folder / "few", 1)
    costs: dict[int, list[Cost]] = {size: [] for size in _SIZES}
    for size in _SIZES:
        write_tree(folder / f"httpd{size}", VIRTUAL_HOSTS * size)
    for _ in range(4):  # in turn; the first round is the warm-up
        for size in _SIZES:
            costs[size].append(cost_of_process(_command(folder / f"httpd{size}", urls), compiled))
    medians = {size: statistics.median(cost.cpu for cost in found[1:]) for size, found in costs.items()}
    shown = ", ".join(
        f"{size * VIRTUAL_HOSTS:,}: {medians[size] * 1000:.0f} ms ({medians[size] / medians[1] / size:.2f} a line)"
        for size in _SIZES
    )
    return [f"auditor explain by virtual hosts, CPU time, and a line's against the first's: {shown}; aim 1.0 or less"]
