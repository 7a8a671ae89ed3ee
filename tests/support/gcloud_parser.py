"""Run by gcloud's own Python: print what gcloud's own parser refuses, one command a line."""

import json
import sys

from googlecloudsdk import gcloud_main  # type: ignore[import-not-found]

top = gcloud_main.CreateCLI([])._TopElement()
for call in json.load(sys.stdin):
    command, arguments = top, call[1:]
    while command and command.is_group and arguments:
        command, arguments = command.LoadSubElement(arguments[0]), arguments[1:]
    if command is None or command.is_group:
        print(*call, ": there is no such command")
        continue
    if not arguments:  # only mentioned
        continue
    try:
        command._parser.parse_args(arguments, raise_error=True)
    except Exception as error:
        print(*call, ":", error)
