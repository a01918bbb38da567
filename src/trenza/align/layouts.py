"""Where the lines of text and the figures of worlds' drawn pages stand, as their readers see them.

Worlds' truths don't tell a page's title, though every page has one; so a title is drawn for whoever simulates it.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from trenza.data.worlds.phrases import languages, phrases

# In shares of a page's side: where labels stand, how wide letters are, half a chart's mark and half a switch's knob.
LABEL_LEFT, LETTER, MARK, KNOB = 0.055, 0.02, 0.008, 0.029
MISREAD = 0.5  # of the line charts have their axis at the 0 read with it, as a letter
HEADER = (0.0, 0.0, 1.0, 0.1)  # of a screen
LISTS = {"fields": "titles", "data": "chart_titles", "elements": "apps"}  # of the worlds' phrases, by kind of page
# More titles, so that none is known by heart.
TITLES = {
    "en": {
        "fields": (
            "Registration", "Booking", "Packing list", "Statement", "Claim form", "Quote", "Membership card",
            "Contract", "Parking permit", "Work order", "Purchase order", "Visitor pass", "Loan",
            "Warranty card", "Rental",
        ),
        "data": (
            "Revenue by month", "Average price", "Goods sold per day", "Votes", "Number of guests", "Rainfall in mm",
            "Results", "Points", "Exports", "Costs per unit", "Customers", "Deliveries", "Harvest", "Our best sellers",
            "Production 2031", "Top products", "Hours worked", "Demand", "Budget", "Growth",
        ),
        "elements": (
            "Calendar", "Clock", "Weather", "Maps", "Files", "Messages", "Contacts", "Shop", "Bank", "Preferences",
            "My account", "New message", "Trip planner", "Player", "Editor", "Welcome",
        ),
    },
    "es": {
        "fields": (
            "Inscripción", "Reserva", "Lista de envío", "Extracto", "Reclamación", "Presupuesto", "Carné de socio",
            "Contrato", "Permiso", "Orden de trabajo", "Orden de compra", "Pase de visita", "Préstamo", "Garantía",
            "Alquiler",
        ),
        "data": (
            "Ingresos por mes", "Precio medio", "Ventas por día", "Votos", "Número de clientes", "Lluvia en mm",
            "Resultados", "Puntos", "Exportaciones", "Coste por unidad", "Clientes", "Entregas", "Cosecha",
            "Los más vendidos", "Producción 2031", "Horas trabajadas", "Demanda", "Gastos", "Crecimiento",
        ),
        "elements": (
            "Calendario", "Reloj", "Tiempo", "Mapas", "Archivos", "Mensajes", "Contactos", "Tienda", "Banco",
            "Preferencias", "Mi cuenta", "Mensaje nuevo", "Viaje", "Reproductor", "Editor", "Bienvenida",
        ),
    },
}  # fmt: skip
OWN = 0.5  # of the titles are the worlds'


def titled(truth: dict[str, Any], language: str, rng: np.random.Generator) -> dict[str, Any]:
    """A drawn page with a title in its language; other truths, and pages that have one, as they are."""
    kind = next((kind for kind in LISTS if kind in truth), "")
    if not kind or "title" in truth or language not in languages():
        return truth
    own = phrases(language).words(LISTS[kind])
    titles = own if rng.random() < OWN else TITLES[language][kind]
    return truth | {"title": titles[rng.integers(len(titles))]}


# Text and its box x0 y0 x1 y1; a figure's kind (`towers/figures.NAMES`) and box.
Line = tuple[str, Sequence[float]]
Figure = tuple[int, Sequence[float]]


def page(truth: dict[str, Any], rng: np.random.Generator) -> tuple[list[Line], list[Figure]]:
    """Lines and figures of a drawn page: a form, a chart or a screen. Raises KeyError for another truth."""
    if "written" in truth:
        return truth["written"], []
    if "fields" in truth:
        top = min((y0 for _, y0, _, _ in truth["boxes"].values()), default=0.2)
        lines = _title(truth, LABEL_LEFT, top - 0.135, 0.065, 1.7)
        for label, value in truth["fields"].items():
            x0, y0, x1, y1 = truth["boxes"][label]
            right = min(LABEL_LEFT + LETTER * (len(label) + 1), x0)
            lines += [(f"{label}:", [LABEL_LEFT, y0, right, y1]), (value, [x0, y0, x1, y1])]
        return lines, []
    return _chart(truth, rng) if "data" in truth else _screen(truth)


def _title(truth: dict[str, Any], x: float, y: float, high: float, wide: float, middle: bool = False) -> list[Line]:
    """The title, where there is one: from x on, or around it. wide: of its letters, times LETTER."""
    if "title" not in truth:
        return []
    across = wide * LETTER * len(truth["title"])
    left = x - across / 2 if middle else x
    return [(truth["title"], [max(left, 0.0), y, min(left + across, 1.0), y + high])]


def _chart(truth: dict[str, Any], rng: np.random.Generator) -> tuple[list[Line], list[Figure]]:
    """Its scale of 0 to 105, the names along the other axis, and a bar or a mark for each."""
    flat, boxes = truth["kind"] == "barh", truth["boxes"]
    left = 0.24 if flat else 0.13
    lines = _title(truth, (left + 0.95) / 2, 0.06, 0.04, 1.0, middle=True)
    misread = truth["kind"] == "line" and rng.random() < MISREAD
    for value in range(0, 101, 20):
        wide = LETTER * 0.9 * len(str(value))
        if flat:
            x = left + (0.95 - left) * value / 105
            lines.append((str(value), [x - wide / 2, 0.89, x + wide / 2, 0.94]))
        else:
            y = 0.88 - 0.76 * value / 105
            text = "D" if value == 0 and misread else str(value)
            lines.append((text, [left - 0.02 - wide, y - 0.02, left - 0.02, y + 0.02]))
    for name, (x0, y0, x1, y1) in boxes.items():
        wide, x, y = LETTER * 0.8 * len(name), (x0 + x1) / 2, (y0 + y1) / 2
        there = [left - 0.02 - wide, y - 0.03, left - 0.02, y + 0.03]
        lines.append((name, there if flat else [x - wide / 2, 0.9, x + wide / 2, 0.94]))
    if truth["kind"] != "line":
        return lines, [(0, box) for box in boxes.values()]
    middles = [((x0 + x1) / 2, (y0 + y1) / 2) for x0, y0, x1, y1 in boxes.values()]
    return lines, [(0, [x - MARK, y - MARK, x + MARK, y + MARK]) for x, y in middles]


def _screen(truth: dict[str, Any]) -> tuple[list[Line], list[Figure]]:
    """The header with the title, labels and what fields hold; buttons, fields and switches with their knobs."""
    lines = _title(truth, 0.03, 0.02, 0.06, 1.45)
    shapes: list[Figure] = [(0, HEADER)]
    for e in truth["elements"]:
        kind, state, (x0, y0, x1, y1) = e["kind"], e["state"], e["box"]
        y = (y0 + y1) / 2
        wide = LETTER * 1.2 * len(e["label"])
        middle = (x0 + x1) / 2
        inside = kind in ("button", "menu")
        there = (middle - wide / 2, middle + wide / 2) if inside else (LABEL_LEFT, LABEL_LEFT + wide)
        lines.append((e["label"], [there[0], y - 0.03, there[1], y + 0.03]))
        if kind == "switch":
            knob = x1 - 10 / 256 if state == "on" else x0 + 9 / 256
            shapes += [(1, e["box"]), (1, [knob - KNOB, y - KNOB, knob + KNOB, y + KNOB])]
            continue
        if kind != "menu":
            shapes.append((0, e["box"]))
        if state:
            lines.append((state, [x0 + 0.02, y - 0.03, x0 + 0.02 + LETTER * 1.2 * len(state), y + 0.03]))
    return lines, shapes
