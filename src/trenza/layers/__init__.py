"""One set of transformer parts for every model here.

Shapes: B batch, T query tokens, S key tokens, D width, H query heads, K key/value heads, E width of a head.
"""
