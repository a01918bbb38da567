"""Where fetched parts and corpora live on this machine."""

import os
from pathlib import Path


def cache_dir() -> Path:
    """`$TRENZA_CACHE`, else `$XDG_CACHE_HOME/trenza`, else `~/.cache/trenza`."""
    if chosen := os.environ.get("TRENZA_CACHE"):
        return Path(chosen).expanduser()
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "trenza"
