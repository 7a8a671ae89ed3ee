"""`forget`: delete what is kept of one address."""

import click

from cmc_webhook.command_line.addresses import Addresses, AddressType, unreadable
from cmc_webhook.command_line.card import language_option
from cmc_webhook.reading.connection import FirestoreOptions
from cmc_webhook.reading.decisions import forget as forget_address
from cmc_webhook.reading.decisions import refusal
from cmc_webhook.reading.forgetting import Traces
from cmc_webhook.reading.objects import NoStorageError, StorageError, objects
from cmc_webhook.reading.options import firestore_options
from cmc_webhook.status.document import UnreadableDocumentError


@click.command()
@click.argument("address", type=AddressType())
@click.option("--yes", is_flag=True, help="Do not ask.")
@language_option
@firestore_options
def forget(where: FirestoreOptions, address: str, yes: bool, lang: str) -> None:
    """
    Delete what is kept of one address.

    Says what it found and asks. It deletes delivery results, received mails with
    their objects, and entries of the quarantines. That somebody unsubscribed or
    was stopped by an operator stays, without the address. It may be interrupted
    and given again.

    \b
    python -m cmc_webhook forget user@example.jp
    """
    here = Addresses(where, lang)
    connection = here.connection
    try:
        files = objects(connection.client.project, local=not connection.real)
        traces = Traces(connection, files, address)
        numbers = ("statuses", "received", "entries")
        found = {name: f"{traces.found[name]:,}" for name in numbers}
        click.echo(here.said("forget.found", address=address, **found))
        click.echo(
            here.said("forget.looked_at", **{n: f"{traces.looked_at[n]:,}" for n in numbers[1:]})
        )
        document = here.documents.get(address)
        if document:
            click.echo(here.said("forget.record"))
            if refusal(document.stored):
                click.echo(here.said("forget.refusal"))
        click.echo(here.said("forget.limits"))
        if not yes:
            click.confirm(here.texts.text("forget.ask"), abort=True, err=True)
        traces.delete()
        forget_address(here.documents.collection, address)
    except UnreadableDocumentError:
        raise unreadable(here, address) from None
    except (NoStorageError, StorageError) as error:
        what = type(error).__name__
        raise click.ClickException(here.texts.text("forget.incomplete", what=what)) from error
    click.echo(here.said("forget.done"))
