"""Readers of real sources. Each gives `Picture`s or `Utterance`s with their split, by rule."""
