"""`trenza`: one command, one thin file for each of its jobs."""

import argparse
import os
import sys

from trenza.cli import ask, compare, data, draw, embed, evaluate, export, import_, search, train, transcribe
from trenza.errors import TrenzaError

COMMANDS = {
    "ask": ask, "data": data, "train": train, "evaluate": evaluate, "import": import_, "export": export,
    "transcribe": transcribe, "draw": draw, "embed": embed, "search": search, "compare": compare,
}  # fmt: skip


def main(arguments: list[str] | None = None) -> int:
    """Run a command; return its exit code: 0 done, 2 wrong use, 3 unreadable media, 4 no weights."""
    parser = argparse.ArgumentParser(
        prog="trenza", description="Braid text, images, audio and video into one model, with evidence."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, module in COMMANDS.items():
        module.add_arguments(commands.add_parser(name, help=module.HELP, description=module.HELP))
    options = parser.parse_args(arguments)
    try:
        return COMMANDS[options.command].run(options)
    except TrenzaError as error:
        print(f"trenza: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("trenza: stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of our output went away, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


if __name__ == "__main__":
    sys.exit(main())
