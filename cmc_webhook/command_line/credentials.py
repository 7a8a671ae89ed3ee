"""The options that tell where to post and with which credential."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import click

from cmc_webhook.simulator.posting import Credential, basic, bearer, parse_url

_URL = "http://localhost:8080"


class UrlType(click.ParamType[str]):
    """An http or https URL."""

    name = "url"

    def convert(self, value: Any, param: Any, ctx: Any) -> str:
        """Return it as it is, or refuse what nothing can be posted to."""
        try:
            parse_url(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        return str(value)


_OPTIONS = (
    click.option("--url", default=_URL, type=UrlType(), show_default=True, help="The function."),
    click.option("--bearer", default="", metavar="KEY", help="API key in the header."),
    click.option("--body-key", default="", metavar="KEY", help="API key in the body."),
    click.option("--basic", default="", metavar="USER:PASSWORD", help="BASIC credential."),
)


def target_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give *command* the options of a post, as its arguments *url* and *credential*."""

    @functools.wraps(command)
    def with_target(**options: Any) -> Any:
        kinds = {name: options.pop(name) for name in ("bearer", "body_key", "basic")}
        if sum(map(bool, kinds.values())) > 1:
            raise click.UsageError("Give one of --bearer, --body-key and --basic.")
        return command(credential=_credential(kinds), **options)

    for option in reversed(_OPTIONS):
        with_target = option(with_target)
    return with_target


def _credential(kinds: Mapping[str, str]) -> Credential:
    if kinds["bearer"]:
        return bearer(kinds["bearer"])
    if kinds["basic"]:
        return basic(kinds["basic"])
    return Credential(api_key=kinds["body_key"])
