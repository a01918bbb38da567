#!/usr/bin/env bash
# The embedded space of trenza embed and trenza search: data, features of the frozen towers, heads. Two CPU cores.
set -euo pipefail
work=${1:-runs/space}
trenza data build stamps noto twemoji openclipart stamp-sounds stamp-voices espeak fluid-soundfont-gm --out "$work/data"
python -m trenza.align.space_features --data "$work/data" --out "$work/features"
python -m trenza.align.space --features "$work/features" --out "$work/space" --steps 700
