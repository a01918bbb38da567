#!/usr/bin/env bash
# Trains the detector of events in sound (src/trenza/default_events) from the sources. START is a listener to go on from,
# as safetensors. The shipped one went on from the first braid's: `listener.*` of src/trenza/default/model.safetensors at
# commit 42653f8, without that beginning, in steps that its card has.
set -euo pipefail
out=${1:?usage: recipes/events.sh OUT START}
start=${2:?usage: recipes/events.sh OUT START}
python -m trenza.align.utterances --out "$out/utterances" --count 26000 --seed 4
python -m trenza.align.speech --utterances "$out/utterances" --out "$out/listener" --start "$start" --steps 2600 --seed 2
python -m trenza.align.events --out "$out/events" --listener "$out/listener/listener.safetensors" --tracks 2000 --seed 0
python -m trenza.align.soundnamer --detector "$out/events/model" --out "$out/sounds" --seed 0
python -m trenza.align.expected --model "$out/events/model" --utterances "$out/utterances"
