"""report.py: the table and the picture of what was measured, and on what machine."""
import datetime
import html
import math
import os
import pathlib
import platform

from harness import MILLISECONDS


def facts(server, versions):
    """What the numbers depend on, as (what, value)."""
    def first(path, key):
        try:
            lines = pathlib.Path(path).read_text().splitlines()
            return next(line.split(":", 1)[1].strip() for line in lines if line.startswith(key))
        except (OSError, StopIteration):
            return "unknown"

    def setting(name):
        return server.value(f"SELECT current_setting('{name}')")

    memory = first("/proc/meminfo", "MemTotal").split()[0]
    made = [
        ("date", datetime.date.today().isoformat()),
        ("processor", f"{first('/proc/cpuinfo', 'model name')}, {len(os.sched_getaffinity(0))} cores"),
        ("memory", f"{int(memory) / 2 ** 20:.0f} GB" if memory.isdigit() else memory),
        ("system", f"{platform.freedesktop_os_release().get('PRETTY_NAME', platform.system())}, {platform.machine()}"),
        ("load before", f"{os.getloadavg()[0]:.1f} processes"),
        ("PostgreSQL", setting("server_version")),
        ("Echolon", server.value("SELECT extversion FROM pg_extension WHERE extname = 'echolon'")),
        ("settings", ", ".join(f"{name} {setting(name)}" for name in ("shared_buffers", *server.SETTINGS))),
    ]
    return made + [*versions.items(), ("Python", platform.python_version())]


def spread(unit, values):
    return f"{unit.text(min(values))} to {unit.text(max(values))}"


def lines(row):
    """The row's lines of the table: contender, median, range, ratio, must, verdict, difference."""
    verdicts = {}
    for target, met in row.verdicts():
        verdicts.setdefault(target.who, []).append((target.text(row), target.must(), "ok" if met else "MISSED"))
    for contender in row.contenders:
        first, *more = verdicts.get(contender.name, [("", "", "")])
        if contender.error:
            yield (contender.name, "failed", "", *first, "")
        else:
            runs = contender.values
            away = "" if contender is row.contenders[0] or contender.result is None else f"{contender.difference:.0e}"
            if row.quality is not None:
                away = "" if math.isnan(contender.quality) else f"{contender.quality:.4f}"
            yield (contender.name, row.unit.text(contender.median), spread(row.unit, runs), *first, away)
        for other in more:
            yield ("", "", "", *other, "")
        for name, runs in contender.parts.items():
            median = sorted(runs)[len(runs) // 2]
            yield (f"{contender.name}, {name}", MILLISECONDS.text(median), spread(MILLISECONDS, runs), "", "", "", "")


def table(header, cells):
    """A Markdown table with straight columns."""
    cells = list(cells)
    widths = [max(len(line[column]) for line in [header, *cells]) for column in range(len(header))]

    def line(values):
        return "| " + " | ".join(value.ljust(width) for value, width in zip(values, widths)) + " |"

    return "\n".join([line(header), "|" + "|".join("-" * (width + 2) for width in widths) + "|", *map(line, cells)])


def picture(title, rows):
    """Bars, one group a row, each group with a scale of its own, as SVG."""
    width, left, bar, gap = 900, 240, 18, 6
    parts, y = [], 40
    for row in rows:
        parts.append(f'<text x="10" y="{y + 13}" class="row">{html.escape(row.title)}</text>')
        y += 24
        longest = max((c.median for c in row.contenders if c.values), default=math.nan)
        for contender in row.contenders:
            parts.append(f'<text x="{left - 8}" y="{y + 13}" text-anchor="end">{html.escape(contender.name)}</text>')
            if contender.error:
                parts.append(f'<text x="{left}" y="{y + 13}">failed</text>')
            else:
                length = (width - left - 90) * contender.median / longest
                kind = "ours" if contender.name.startswith("Echolon") else "peer"
                parts.append(f'<rect x="{left}" y="{y}" width="{length:.1f}" height="{bar}" class="{kind}"/>'
                             f'<text x="{left + length + 6:.1f}" y="{y + 13}">{row.unit.text(contender.median)} {row.unit.name}</text>')
            y += bar + gap
        y += 12
    style = ("text{font:13px sans-serif;fill:#222}.title{font-weight:bold;font-size:15px}.row{fill:#555}"
             ".ours{fill:#2f6f9f}.peer{fill:#b9c0c6}")
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{y}" viewBox="0 0 {width} {y}">'
            f'<style>{style}</style><rect width="{width}" height="{y}" fill="#fff"/>'
            f'<text x="10" y="22" class="title">{html.escape(title)}</text>\n' + "\n".join(parts) + "\n</svg>\n")


def write(folder, name, title, notes, rows, facts):
    """The table on the terminal and in <name>.md, the picture in <name>.svg."""
    def header(row):
        return ("", f"{row.unit.name}, median", "range", "ratio", "must", "", row.quality.text() if row.quality else "differs by")

    text = [f"# {title}", f"Made by `bench/run {name}`. {notes}", f"![{title}]({name}.svg)"]
    for row in rows:
        text.append(f"## {row.title[0].upper()}{row.title[1:]}\n\n{table(header(row), lines(row))}")
        text += [f"{contender.name}: {contender.error}" for contender in row.contenders if contender.error]
    text.append("## Measured on\n\n" + table(("what", "value"), facts))
    text = "\n\n".join(text) + "\n"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.md").write_text(text)
    (folder / f"{name}.svg").write_text(picture(title, rows))
    print("\n" + text)
    print(f"written to {folder / name}.md and .svg")
