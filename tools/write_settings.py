"""Write docs/settings.md from the descriptions of settings: `python -m tools.write_settings > docs/settings.md`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from scratchpad.config.describe import Setting, run_settings, task_settings
from scratchpad.recipes import RECIPES
from scratchpad.tasks import BUILT_IN
from scratchpad.tasks.base import Task

_HEAD = """# Settings

`--set NAME=VALUE` changes a setting: `scratchpad train cycles --set n=3-6 train.steps=2000 model.dropout=0.05`. The
names of the settings of a run begin with the name of their group; those of a task have no prefix. In Python,
`config.with_settings({"train.steps": 2000})` does the same.

`scratchpad settings` prints the settings of a run, `scratchpad settings train` those of a group, and
`scratchpad settings cycles` those of a task or of a file of your own. This page is generated (`make settings`); a test
keeps it up to date.

The tables give the values that hold if nothing sets them. A recipe (`--recipe NAME`) or the small settings of a task
replace some of them."""

_COLUMNS = "| setting | default | values | meaning |\n| --- | --- | --- | --- |"


def page() -> str:
    """Return the whole page as Markdown."""
    groups = dict.fromkeys(setting.name.partition(".")[0] for setting in run_settings())
    parts = [_HEAD, "\n## Settings of a run"]
    for group in groups:
        parts += [f"\n### {group}\n", _table([one for one in run_settings() if one.name.partition(".")[0] == group])]
    recipes = (f"- `{name}`: {summary}." for name, (summary, _) in RECIPES.items())
    parts += ["\n## Recipes\n", *recipes, "\n## Settings of the tasks"]
    for kind in BUILT_IN.values():
        parts += _task(kind())
    return "\n".join(parts) + "\n"


def _task(task: Task) -> Iterator[str]:
    yield f"\n### {task.name}\n"
    if task.small:
        yield f"`scratchpad train {task.name}` uses the recipe `small` with\n`{task.small}`.\n"
    yield _table(task_settings(task))


def _table(settings: Sequence[Setting]) -> str:
    return "\n".join([_COLUMNS, *map(_line, settings)])


def _line(setting: Setting) -> str:
    default = f"`{setting.default}`" if setting.default else "(empty)"
    cells = f"`{setting.name}`", default, setting.values, setting.meaning
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"


if __name__ == "__main__":
    print(page(), end="")
