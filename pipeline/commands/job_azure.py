"""`wz job import | export`: a job's folder from a project of the Azure Stream Analytics Tools for VS Code, and back."""

from __future__ import annotations

from pathlib import Path

import click

from ..asaproj.export import export_project
from ..asaproj.folder import write_folder
from ..asaproj.forms import PROJECT
from ..asaproj.project import Project, read_project
from .terminal import one_line_errors

folder_argument = click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
_to = click.option("--to", type=click.Path(path_type=Path), help="The folder to make.")


def project_of(path: Path) -> Project | None:
    """Read an asaproj.json, or that of a folder that is no job's, and show its warnings; None for any other path.

    Raises `InvalidProject`.
    """
    if (path / PROJECT).exists() and not (path / "job.toml").exists():
        path /= PROJECT
    if path.name != PROJECT:
        return None
    project = read_project(path)
    for warning in project.warnings:
        click.echo(warning, err=True)  # rows go to standard output
    return project


@click.command("import")
@click.argument("project", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_to
@one_line_errors
def import_job(project: Path, to: Path | None) -> None:
    """Make a job's folder of PROJECT, the asaproj.json of the Azure Stream Analytics Tools for VS Code.

    It has the query, its time policies, inputs and outputs, the local files of inputs and the functions. What a project
    has that can't be done here is listed. `wz job run` gives the same rows of the folder and of the project.
    """
    found = read_project(project)
    found.local_job()  # raises what is wrong with it as a job
    to = to or Path(found.name)
    write_folder(found, to)
    for warning in found.warnings:
        click.echo(warning)
    click.echo(f"made {to}: wz job run {to}")


@click.command("export")
@folder_argument
@_to
@click.option(
    "--partitions", type=click.IntRange(1), default=1, show_default=True, help="Partitions of each Event Hub."
)
@one_line_errors
def export_job(folder: Path, to: Path | None, partitions: int) -> None:
    """Make a project for the Azure Stream Analytics Tools for VS Code of FOLDER, a job's.

    It has the query, JobConfig.json with the time policies and the streaming units that the query can use, an Event Hub
    for each input and output, local files to run it over, and the functions. What is left to do there, and what Azure
    would do otherwise, is listed.
    """
    to = to or Path(f"{folder.resolve().name}-azure")
    notes, differences = export_project(folder, to, partitions)
    for note in notes:
        click.echo(note)
    if differences:
        click.echo("Azure may give other rows:")
    for difference in differences:
        click.echo(f"  {difference}")
    click.echo(f"made {to}: open it in VS Code, or build it with azure-streamanalytics-cicd")


COMMANDS = (import_job, export_job)
