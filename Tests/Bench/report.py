"""Rows of figures, what each must reach, and the table and JSON that are made of them."""

import json
import shlex
import statistics


class Row:
    """One line of the table: figures of each server by round, and the promises of echo-server.

    `promises` are (relation, factor, of): `(">=", 1.10, "nginx")` reads "at least 1.10 times
    nginx", `("<=", 2500, None)` "at most 2,500". `skip` says why a server, or with None the whole
    row, has no figure.
    """

    COLUMNS = ("floor", "nginx", "echo-server")

    def __init__(self, title, unit, promises=(), digits=0):
        self.title, self.unit, self.promises, self.digits = title, unit, promises, digits
        self.figures = {}
        self.skips = {}

    def add(self, server, figure):
        self.figures.setdefault(server, []).append(figure)

    def skip(self, server, reason):
        self.skips[server] = str(reason)

    def median(self, server):
        figures = self.figures.get(server)
        return statistics.median(figures) if figures and server not in self.skips else None

    def verdicts(self):
        """[(text, met)] for each promise; met is None where a figure is missing."""
        own, found = self.median("echo-server"), []
        for relation, factor, of in self.promises:
            base = 1 if of is None else self.median(of)
            if own is None or not base:
                found.append((f"{relation} {_promise(factor, of)}: not measured", None))
                continue
            value = own / base
            met = value >= factor if relation == ">=" else value <= factor
            told = f"{value:.2f} x {of}, " if of else ""
            found.append((f"{told}{relation} {_promise(factor, of)}: {'met' if met else 'MISSED'}",
                          met))
        return found

    def as_json(self):
        return {
            "title": self.title, "unit": self.unit,
            "medians": {name: self.median(name) for name in self.figures},
            "rounds": self.figures, "skipped": {name or "row": reason
                                                for name, reason in self.skips.items()},
            "promises": [{"text": text, "met": met} for text, met in self.verdicts()],
        }


def _promise(factor, of):
    return f"{factor:.2f}" if of else f"{factor:,.10g}"


class Report:
    def __init__(self, description):
        self.description = description
        self.rows, self.commands, self.notes = [], [], []

    def row(self, *args, **options):
        self.rows.append(Row(*args, **options))
        return self.rows[-1]

    def command(self, words):
        """Keeps a command line for the record, once."""
        line = words if isinstance(words, str) else shlex.join(map(str, words))
        if line not in self.commands:
            self.commands.append(line)

    def text(self):
        lines = [f"{name.replace('_', ' '):<20}{value}"
                 for name, value in self.description.items()]
        lines += ["", *self._table(), ""]
        reasons = {}
        for row in self.rows:
            for server, reason in row.skips.items():
                title = row.title + (f" ({server})" if server else "")
                if title not in reasons.setdefault(reason, []):
                    reasons[reason].append(title)
        lines += [f"left out: {', '.join(titles)}: {reason}" for reason, titles in reasons.items()]
        lines += self.notes + ["", "commands:"] + ["  " + line for line in self.commands]
        return "\n".join(lines) + "\n"

    def _table(self):
        width = max([len(f"{row.title}, {row.unit}") for row in self.rows], default=0)
        head = f"{'':{width}}" + "".join(f"{name:>14}" for name in Row.COLUMNS)
        lines = [head]
        for row in self.rows:
            cells = "".join(
                f"{_figure(row.median(name), row.digits):>14}" for name in Row.COLUMNS)
            verdict = "; ".join(text for text, _ in row.verdicts())
            lines.append(f"{f'{row.title}, {row.unit}':{width}}{cells}  {verdict}".rstrip())
        return lines

    def write(self, folder, name):
        """Writes `<name>.txt` and `<name>.json`; returns their paths."""
        text_path, json_path = folder / f"{name}.txt", folder / f"{name}.json"
        text_path.write_text(self.text())
        json_path.write_text(json.dumps({
            **self.description, "rows": [row.as_json() for row in self.rows],
            "notes": self.notes, "commands": self.commands}, indent=1) + "\n")
        return text_path, json_path


def _figure(value, digits):
    return "-" if value is None else f"{value:,.{digits}f}"
