#!/usr/bin/env bash
# Four samples: a picture, two pictures, a sound, a video. None of them was trained on.
set -euo pipefail
cd "$(dirname "$0")"

ask() {
    echo "\$ trenza ask $*"
    trenza ask "$@"
    echo
}

ask elephant.png "What is this?"
ask banana.png umbrella.png "What is in the second picture?"
ask spoken.wav "What word is spoken?"
ask bicycle.mp4 "What does the video show?"
