"""Names of sounds in English and Spanish: General MIDI's instruments and effects, and what makes the stamps' sounds."""

from trenza.data.corpora.instruments import INSTRUMENTS
from trenza.data.worlds.sources import stock_of

# In the order of INSTRUMENTS.
SPANISH = (
    """
piano de cola acústico|piano acústico brillante|piano de cola eléctrico|piano de cantina|piano eléctrico 1
piano eléctrico 2|clavecín|clavinete|celesta|glockenspiel|caja de música|vibráfono|marimba|xilófono
campanas tubulares|dulcémele|órgano Hammond|órgano percusivo|órgano de rock|órgano de iglesia|armonio|acordeón
armónica|bandoneón|guitarra de nailon|guitarra acústica de metal|guitarra de jazz|guitarra eléctrica limpia
guitarra apagada|guitarra saturada|guitarra con distorsión|armónicos de guitarra|bajo acústico
bajo eléctrico con dedos|bajo eléctrico con púa|bajo sin trastes|bajo slap 1|bajo slap 2|bajo sintetizado 1
bajo sintetizado 2|violín|viola|violonchelo|contrabajo|cuerdas en trémolo|cuerdas en pizzicato|arpa|timbales
conjunto de cuerdas 1|conjunto de cuerdas 2|cuerdas sintetizadas 1|cuerdas sintetizadas 2|coro en a|voces en u
voz sintetizada|golpe de orquesta|trompeta|trombón|tuba|trompeta con sordina|trompa|sección de metales
metales sintetizados 1|metales sintetizados 2|saxofón soprano|saxofón alto|saxofón tenor|saxofón barítono|oboe
corno inglés|fagot|clarinete|flautín|flauta|flauta dulce|flauta de pan|botella soplada|shakuhachi|silbido|ocarina
solista de onda cuadrada|solista de diente de sierra|solista de calíope|solista chiff|solista charang
solista de voz|solista en quintas|solista con bajo|fondo new age|fondo cálido|fondo polifónico|fondo de coro
fondo de arco|fondo metálico|fondo de halo|fondo de barrido|efecto de lluvia|efecto de banda sonora
efecto de cristal|efecto de atmósfera|efecto de brillo|efecto de duendes|efecto de ecos|efecto de ciencia ficción
sitar|banjo|shamisen|koto|kalimba|gaita|violín popular|shanai|campanilla|agogó|tambores metálicos|caja china
tambor taiko|tom melódico|tambor sintetizado|platillo invertido|ruido de trastes|ruido de respiración|orilla del mar
canto de pájaro|timbre de teléfono|helicóptero|aplausos|disparo
""".strip()
    .replace("\n", "|")
    .split("|")
)


def sound_names() -> list[tuple[str, str]]:
    """(English, Spanish) of each sound of the train splits, instruments first; a thing named as one joins it."""
    named = dict(zip(INSTRUMENTS, SPANISH, strict=True))
    for thing in stock_of("train", ("en", "es")).things:
        if thing.effect is not None:
            named.setdefault(thing.names["en"], thing.names.get("es", thing.names["en"]))
    return list(named.items())
