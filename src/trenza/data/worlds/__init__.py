"""Worlds: generated scenes, sounds, films, papers and screens whose full truth is known.

`build.items` is the way in. A world is drawn twice, before and after one smallest edit, and every question is
asked of both: the two items are each other's counterfactual twins. So the question alone never tells the answer.
"""
