"""`wz job`: the commands of job_files.py, job_azure.py and job_management.py."""

from __future__ import annotations

import click

from . import job_azure, job_files, job_management


@click.group()
def job() -> None:
    """Window jobs: run, test and explain a job over files; list, put, restart, copy and delete a service's.

    A job is a FOLDER with query.asaql and job.toml. Its name is the folder's.
    """


for command in (*job_files.COMMANDS, *job_azure.COMMANDS, *job_management.COMMANDS):
    job.add_command(command)
