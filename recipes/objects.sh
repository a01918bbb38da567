#!/usr/bin/env bash
# Trains the detector of objects (src/trenza/default_objects) from the sources, on two CPU cores; the second tuning of the
# tower took two and a half minutes on an H100 and takes hours without an accelerator.
set -euo pipefail
out=${1:?usage: recipes/objects.sh OUT}
python -m trenza.align.tower --out "$out/small" --seed 0
python -m trenza.align.tower --out "$out/large" --seed 0 --steps 2600 --times 4 --redrawn 10
python -m trenza.align.soup --towers "$out/small" "$out/large" --out "$out/tower"
python -m trenza.align.views --tower "$out/tower" --seed 0
python -m trenza.align.objects --tower "$out/tower" --out "$out/objects" --chunks 300 --what 700 --colour 800 --where 740
python -m trenza.align.averaging --tower "$out/tower" --out "$out/objects"
python -m trenza.align.photographed --detector "$out/objects/detector"
python -m trenza.align.detected --model "$out/objects/detector"
python -m trenza.align.likeness --detector "$out/objects/detector"
