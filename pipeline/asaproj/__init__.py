"""Projects of the Azure Stream Analytics Tools for VS Code: run as they are, made into a job's folder, and made of one.

    forms.py         the JSON files of a project, with the keys that are known of each
    project.py       reads a project, as a job's definition
    folder.py        makes a job's folder of a project
    export.py        makes a project of a job's folder
    differences.py   what Azure would do otherwise with a query

A project is a folder with asaproj.json, which lists the others: the query (.asaql), JobConfig.json, and a file for each
input, output and function. Microsoft has a page on JobConfig.json (azure/stream-analytics/job-config-json). The form of
the others is nowhere written down; forms.py says in which public projects it was seen.
"""
