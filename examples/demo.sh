#!/usr/bin/env bash
# Samples that none of them was trained on. The second writes a picture with what it found framed.
set -euo pipefail
cd "$(dirname "$0")"

ask() {
    echo "\$ trenza ask $*"
    trenza ask "$@"
    echo
}

ask elephant.png "What is this?"
ask --boxes "${BOXES:-boxes}" elephant.png "Where is the elephant? Give its box as [x0, y0, x1, y1]."
ask banana.png umbrella.png "What is in the second picture?"
ask spoken.wav "What word is spoken?"
ask bicycle.mp4 "What does the video show?"
