"""`headgate completion`: the script by which a shell completes commands, options, states and datasets."""

from __future__ import annotations

from typing import Final

import click

SHELLS: Final = ("bash", "zsh", "fish")
VARIABLE: Final = "_HEADGATE_COMPLETE"
"""The one that click derives from the name of the program."""
HELP: Final = """Print the script that lets SHELL complete what follows `headgate`.

\b
bash:  headgate completion bash > ~/.local/share/bash-completion/completions/headgate
zsh:   headgate completion zsh > ~/.zfunc/_headgate    (with ~/.zfunc in fpath, before compinit)
fish:  headgate completion fish > ~/.config/fish/completions/headgate.fish
"""


@click.command(help=HELP)
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print click's script for the shell."""
    from click.shell_completion import BashComplete, FishComplete, ZshComplete

    kind = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}[shell]
    click.echo(kind(context.find_root().command, {}, "headgate", VARIABLE).source())
