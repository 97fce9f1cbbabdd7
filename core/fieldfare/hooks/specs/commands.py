"""The hooks of commands that carry out no migration: ``compare``, ``doctor``, ``report``, and a plugin's own commands.

All arguments are passed by keyword; an implementation names only those that it uses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fieldfare.hooks.markers import hookspec

if TYPE_CHECKING:
    import typer

    from fieldfare.definition import Field, IndexDefinition
    from fieldfare.hooks.examination import ExaminedIndex, Examiner
    from fieldfare.plan import MigrationPlan
    from fieldfare.server import Server

# ================================ Comparing indexes


@hookspec(firstresult=True)
def fieldfare_encode_query(
    vector: Sequence[float], index: IndexDefinition, field: Field, server: Server, plan: MigrationPlan | None
) -> bytes | None:
    """Encode a query vector of floats for a vector field.

    When: two indexes are compared by a query with a vector, and the field has an integer datatype or other dims. The
    kernel itself converts floats to floats. ``plan`` is the plan of the migration that made ``index``, if it is known.
    Who: plugins that change vectors. None leaves the vector to the next plugin.
    Raises: ``UsageError`` if the encoding is not known; then the query counts as failed, with this message.

    Example: ``return np.asarray(vector[: int(field.attrs["dims"])], "<f4").tobytes()``
    """


# ================================ Examining an index


@hookspec
def fieldfare_examine(index: ExaminedIndex) -> Examiner | None:
    """Return an examiner, which checks the documents of an index. Read-only.

    When: once on ``fieldfare doctor``, before documents are read. Then every examiner gets each batch, and returns its
    findings at the end.
    Who: plugins with checks of documents. None means that this plugin has nothing to check.
    Raises: nothing on purpose.

    Example: ``return PlainEmails() if index.definition.find("email") else None``
    """


# ================================ Reports


@hookspec(firstresult=True)
def fieldfare_report_page(document: Mapping[str, Any], path: str) -> str | None:
    """Make an HTML page from a report file that this plugin's commands write.

    When: on ``fieldfare report FILE``, if the file is not the report of a run or of a comparison. ``document`` is
    its content, ``path`` the file.
    Who: plugins with their own reports. None leaves the file to the next plugin.
    Raises: ``FileError`` if the file is damaged.

    Example: ``return page(document["title"], element("h1", document["title"])) if "acme" in document else None``
    """


# ================================ Command line


@hookspec(historic=True)
def fieldfare_add_commands(app: typer.Typer) -> None:
    """Add commands to ``fieldfare``.

    When: once, when the command line is built; plugins that are registered later are called, too.
    Who: plugins with their own commands. Returns None.
    Raises: nothing on purpose; after an exception, the plugin is named and skipped.

    Example: ``app.command("acme-check")(check)``; or, so that other commands start without the module of this one,
    ``app.command("acme-check")(CommandSource("fieldfare_acme.check:check"))`` of ``fieldfare.hooks.command_source``
    """
