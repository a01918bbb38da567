"""What a card says, one room of measures a file. docs/evaluate.md has formula, range, good value and source of each."""
