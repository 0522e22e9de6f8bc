"""The table of the README, in Markdown, between two markers that say so."""
import views
import words
from metrics import LIBRARIES
from records import InputError, read_text

BEGIN = "<!-- bench/run readme: begin -->"
END = "<!-- bench/run readme: end -->"


def cell(text):
    """Nothing in it that Markdown or HTML would act on."""
    text = str(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return " ".join("".join("\\" + char if char in "\\|`*_[]" else char for char in text).split())


def row(cells):
    return "| %s |" % " | ".join(cells)


def table(content, rules):
    report = views.Report(content)
    figures = views.figures_table(report, rules)
    heads = ["to the library used directly"] + [cell(report.version(each)) for each in report.libraries]
    lines = [row(heads), "|---|%s" % ("---:|" * len(report.libraries))]
    lines += [row([cell(text) for text in each]) for each in figures.rows]
    met, missed, unknown = views.bar_score(report)
    machine = content["machine"]
    lines += ["", "Ratios of instructions, in the same run: 1.00 is as much as the library itself takes, less is better. "
              "Measured on %s, %s, %s%s." % (
                  cell(content.get("date", "")[:10]), cell(machine.get("cpu", "")), cell(machine.get("os", "")),
                  ", in a quick run" if content.get("quick") else ""),
              "Of %d bars that siptls sets itself, %d are met, %d missed, %d not measured."
              % (met + missed + unknown, met, missed, unknown)]
    return "\n".join(lines)


def replaced(text, markdown, path):
    """The text with what stands between the markers replaced."""
    for marker in (BEGIN, END):
        if text.count(marker) != 1:
            raise InputError('%s: the line "%s" must stand in it once, not %d times' % (path, marker, text.count(marker)))
    if text.index(BEGIN) > text.index(END):
        raise InputError("%s: the markers stand in the wrong order" % path)
    return text[:text.index(BEGIN) + len(BEGIN)] + "\n" + markdown + "\n" + text[text.index(END):]


def write(content, rules, path):
    markdown = table(content, rules)
    text = replaced(read_text(path), markdown, path)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return markdown
