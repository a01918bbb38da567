#!/usr/bin/env bash
# Trains the detector of objects (src/trenza/default_objects) from the sources, on two CPU cores.
set -euo pipefail
out=${1:?usage: recipes/objects.sh OUT}
python -m trenza.align.tower --out "$out/tower" --seed 0
python -m trenza.align.views --tower "$out/tower" --seed 0
python -m trenza.align.objects --tower "$out/tower" --out "$out/objects" --chunks 300 --what 700 --colour 800 --where 740
python -m trenza.align.averaging --tower "$out/tower" --out "$out/objects"
python -m trenza.align.detected --model "$out/objects/detector"
python -m trenza.align.likeness --detector "$out/objects/detector"
