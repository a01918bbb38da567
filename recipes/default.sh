#!/usr/bin/env bash
# Trains the embedded default from the sources; see README.md beside this file.
set -euo pipefail
out=${1:?usage: recipes/default.sh OUT}
python -m trenza.align.tower --out "$out/tower" --steps 1200 --seed 0
python -m trenza.align.views --tower "$out/tower" --seed 0
python -m trenza.align.utterances --out "$out/utterances" --count 26000 --seed 0
python -m trenza.align.speech --utterances "$out/utterances" --out "$out/speech" --heard --steps 1200 --seed 0
python -m trenza.align.naming --tower "$out/tower" --speech "$out/speech" --out "$out/naming" --steps 260 --seed 0
