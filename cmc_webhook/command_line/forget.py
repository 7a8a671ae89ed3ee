"""`forget`: delete what is kept of one address."""

import click

from cmc_webhook.command_line.addresses import edited
from cmc_webhook.reading import decisions
from cmc_webhook.reading.cli import confirm
from cmc_webhook.reading.connection import FirestoreOptions
from cmc_webhook.reading.forgetting import Traces
from cmc_webhook.reading.language import text
from cmc_webhook.reading.objects import NoStorageError, StorageError, objects
from cmc_webhook.reading.opened import connected
from cmc_webhook.reading.table import printable
from cmc_webhook.status.document import UnreadableDocumentError


def forget(where: FirestoreOptions, address: str, yes: bool) -> None:
    """Say what is kept of an address, ask, and delete it."""
    connection = connected(where)
    addresses = connection.addresses
    try:
        files = objects(connection.client.project, local=not connection.real)
        traces = Traces(connection, files, address)
        found = {name: f"{traces.found[name]:,}" for name in ("statuses", "received", "entries")}
        click.echo(printable(text("forget.found", address=address, **found)))
        looked_at = {name: f"{traces.looked_at[name]:,}" for name in ("received", "entries")}
        click.echo(text("forget.looked_at", **looked_at))
        document = addresses.get(address)
        if document:
            click.echo(text("forget.record"))
            if decisions.refusal(document.stored):
                click.echo(text("forget.refusal"))
        click.echo(text("forget.limits"))
        if not yes:
            confirm(text("forget.ask"))
        traces.delete()
        decisions.forget(addresses.collection, address)
    except UnreadableDocumentError:
        raise edited(connection, address) from None
    except NoStorageError:
        raise click.ClickException(text("error.no_storage")) from None
    except StorageError as error:
        raise click.ClickException(text("forget.incomplete", what=str(error))) from error
    click.echo(text("forget.done"))
