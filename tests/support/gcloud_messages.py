"""Run by gcloud's own Python: print what its message classes do not know of each answer."""

import json
import sys

from apitools.base.py import encoding  # type: ignore[import-not-found]
from googlecloudsdk.api_lib.util import apis  # type: ignore[import-not-found]

for api, version, name, answer in json.load(sys.stdin):
    message = getattr(apis.GetMessagesModule(api, version), name)
    try:
        read = encoding.JsonToMessage(message, json.dumps(answer))
    except Exception as error:
        print(name, ":", error)
        continue
    for edges, fields in encoding.UnrecognizedFieldIter(read):
        print(name, ":", [str(edge) for edge in edges], fields)
