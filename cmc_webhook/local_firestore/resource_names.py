"""Resource names of databases, collections and documents. Pure.

Rules: https://cloud.google.com/firestore/quotas#collections_documents_and_fields
"""

import re
from typing import NamedTuple

from google.api_core.exceptions import InvalidArgument

from cmc_webhook.local_firestore import limits

_DATABASE = re.compile(r"projects/[^/]+/databases/[^/]+")
_RESERVED = re.compile(r"__.*__", re.DOTALL)
# Numeric ids, as Datastore assigns them; recursive() of the clients begins at the least one.
_NUMBER = re.compile(r"__id(-?[0-9]{1,19})__")


class DocumentName(NamedTuple):
    """*parent* is the full name of the document around the collection, or of the root."""

    parent: str
    collection: str
    id: str

    def __str__(self) -> str:
        return "/".join(self)


class Scope(NamedTuple):
    """Collections directly under *parent*, or also its *descendants*; all if no *collection*."""

    parent: str
    collection: str
    descendants: bool

    def contains(self, name: DocumentName) -> bool:
        if self.collection not in ("", name.collection):
            return False
        if self.descendants and name.parent.startswith(f"{self.parent}/"):
            return True
        return name.parent == self.parent


def check_database(database: str) -> None:
    if not _DATABASE.fullmatch(database):
        raise InvalidArgument(f'"{database}" is not projects/PROJECT/databases/DATABASE.')


def check_parent(name: str) -> None:
    """Raise InvalidArgument unless *name* is a document or the root of a database."""
    if len(_ids(name)) % 2:
        raise InvalidArgument(f'"{name}" is a collection, and neither a document nor the root.')


def parse_document(name: str) -> DocumentName:
    ids = _ids(name)
    if not ids or len(ids) % 2:
        raise InvalidArgument(f'"{name}" is not the name of a document.')
    parent, collection, document_id = name.rsplit("/", 2)
    return DocumentName(parent, collection, document_id)


def parse_document_of(database: str, name: str) -> DocumentName:
    """Parse *name*, or raise InvalidArgument; also if it is in another database."""
    if not name.startswith(f"{database}/documents/"):
        raise InvalidArgument(f'"{name}" is not a document of {database}.')
    return parse_document(name)


def check_id(resource_id: str) -> None:
    """Raise InvalidArgument unless *resource_id* is allowed for a collection or a document."""
    if not resource_id or "/" in resource_id:
        raise InvalidArgument(f'Resource id "{resource_id}" is empty or has a slash.')
    if resource_id in (".", ".."):
        raise InvalidArgument(f'Resource id "{resource_id}" is invalid.')
    if is_reserved(resource_id) and not _NUMBER.fullmatch(resource_id):
        raise InvalidArgument(f'Resource id "{resource_id}" is invalid because it is reserved.')
    if len(resource_id.encode()) > limits.ID_BYTES:
        raise InvalidArgument(f'Resource id "{resource_id}" is over {limits.ID_BYTES} bytes.')


def database_of(name: str) -> str:
    return name.partition("/documents")[0]


def id_key(resource_id: str) -> tuple[int, int | str]:
    """Return a key that sorts ids as Firestore does: numeric ids come first."""
    found = _NUMBER.fullmatch(resource_id)
    return (0, int(found[1])) if found else (1, resource_id)


def is_reserved(text: str) -> bool:
    """Whether *text* has the form `__x__`, which ids and field names must not have."""
    return _RESERVED.fullmatch(text) is not None


def _ids(name: str) -> list[str]:
    project, documents, path = name.partition("/documents")
    if not documents or path[:1] not in ("", "/"):
        raise InvalidArgument(f'"{name}" is not projects/PROJECT/databases/DATABASE/documents/...')
    check_database(project)
    ids = path.split("/")[1:]
    for resource_id in ids:
        check_id(resource_id)
    if len(name.encode()) > limits.NAME_BYTES or len(ids) > 2 * limits.COLLECTION_DEPTH:
        raise InvalidArgument(f'Name "{name}" is too long.')
    return ids
