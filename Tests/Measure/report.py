"""Rows of figures, what each must reach, and the table and JSON that are made of them."""

import json
import shlex
import statistics

from machine import Damaged


class Row:
    """One line of the table: figures of each server by round, and the promises of `subject`.

    `promises` are (relation, factor, of): `(">=", 1.10, "nginx")` reads "at least 1.10 times
    nginx", `("<=", 2500, None)` "at most 2,500", `("<= +", 300, "HTTP")` "at most 300 more than
    HTTP". `skip` says why a server, or with None the whole row, has no figure; `fail` that what it
    did was wrong: its promises are missed, whatever the figures were. `pick` makes one figure of
    those of all rounds.
    """

    def __init__(self, title, unit, promises=(), digits=0, pick=statistics.median,
                 subject="echo-server"):
        self.title, self.unit, self.promises, self.digits = title, unit, promises, digits
        self.pick, self.subject = pick, subject
        self.figures = {}
        self.skips, self.failures = {}, {}

    def add(self, server, figure):
        self.figures.setdefault(server, []).append(figure)

    def skip(self, server, reason):
        self.skips[server] = str(reason)

    def fail(self, server, reason):
        self.failures[server] = str(reason)

    def give_up(self, server, reason):
        """Fails the server where it did something wrong, leaves it out where it did nothing."""
        (self.fail if isinstance(reason, Damaged) else self.skip)(server, reason)

    def figure(self, server):
        figures = self.figures.get(server)
        if not figures or server in self.skips or server in self.failures:
            return None
        return self.pick(figures)

    def verdicts(self):
        """[(text, met)] for each promise; met is None where a figure is missing."""
        own, found = self.figure(self.subject), []
        for relation, factor, of in self.promises:
            wanted = _wanted(relation, factor, of)
            if self.subject in self.failures:
                found.append((f"{wanted}: MISSED", False))
                continue
            base = 1 if of is None else self.figure(of)
            if own is None or base is None or (base == 0 and relation != "<= +"):
                found.append((f"{wanted}: not measured", None))
                continue
            value = own - base if relation == "<= +" else own / base
            met = value >= factor if relation == ">=" else value <= factor
            told = f"{_told(relation, value, of)}, " if of else ""
            found.append((f"{told}{wanted}: {'met' if met else 'MISSED'}", met))
        return found

    def as_json(self):
        return {
            "title": self.title, "unit": self.unit,
            "figures": {name: self.figure(name) for name in self.figures},
            "rounds": self.figures, "skipped": {name or "row": reason
                                                for name, reason in self.skips.items()},
            "failed": self.failures,
            "promises": [{"text": text, "met": met} for text, met in self.verdicts()],
        }


def _wanted(relation, factor, of):
    if relation == "<= +":
        return f"<= {of} + {factor:,.10g}"
    return f"{relation} {factor:.2f}" if of else f"{relation} {factor:,.10g}"


def _told(relation, value, of):
    return f"{of} {value:+,.0f}" if relation == "<= +" else f"{value:.2f} x {of}"


class Report:
    """Rows, `columns` of which have a place in the table, and what is said around them."""

    def __init__(self, description, columns=("echo-server",), subject="echo-server"):
        self.description, self.columns, self.subject = description, columns, subject
        self.rows, self.commands, self.notes = [], [], []

    def row(self, *args, **options):
        self.rows.append(Row(*args, subject=self.subject, **options))
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
        lines += self._reasons("FAILED", lambda row: row.failures)
        lines += self._reasons("left out", lambda row: row.skips)
        lines += self.notes + ["", "commands:"] + ["  " + line for line in self.commands]
        return "\n".join(lines) + "\n"

    def _reasons(self, word, of):
        """A line for each reason, with all that it is the reason of."""
        reasons = {}
        for row in self.rows:
            for server, reason in of(row).items():
                title = row.title + (f" ({server})" if server else "")
                if title not in reasons.setdefault(reason, []):
                    reasons[reason].append(title)
        return [f"{word}: {', '.join(titles)}: {reason}" for reason, titles in reasons.items()]

    def _table(self):
        width = max([len(f"{row.title}, {row.unit}") for row in self.rows], default=0)
        head = f"{'':{width}}" + "".join(f"{name:>14}" for name in self.columns)
        lines = [head]
        for row in self.rows:
            cells = "".join(
                f"{_figure(row.figure(name), row.digits):>14}" for name in self.columns)
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
