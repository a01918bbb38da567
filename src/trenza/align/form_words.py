"""What imagined papers say: titles and labelled fields by kind, values by sort, and lines that are no field."""

import numpy as np

from trenza.data.worlds.phrases import phrases

# Of each kind of paper its titles, and its labels with the sort of their values.
PAPERS: dict[str, tuple[tuple[tuple[str, ...], dict[str, str]], ...]] = {
    "en": (
        (("Invoice", "INVOICE", "Bill", "Pro forma invoice"), {
            "Invoice no.": "code", "Date": "date", "Due date": "date", "Customer": "person", "Supplier": "company",
            "Subtotal": "amount", "VAT": "amount", "Discount": "percent", "Total": "amount", "Amount due": "amount",
            "PO number": "code", "Net": "amount", "Bill to": "person", "Tax": "amount", "Balance": "amount",
        }),
        (("Receipt", "Cash receipt", "Thank you!"), {
            "Store": "company", "Cashier": "person", "Time": "time", "Date": "date", "Items": "count",
            "Change": "amount", "Cash": "amount", "Card": "amount", "Total": "amount", "Table": "count",
            "Tip": "amount", "Tea": "amount", "Bread": "amount", "Coffee": "amount", "Soup": "amount",
        }),
        (("Boarding pass", "Train ticket", "Ticket", "Admit one"), {
            "Passenger": "person", "Seat": "seat", "Gate": "seat", "Train": "code", "Flight": "code",
            "Platform": "count", "Departure": "time", "Arrival": "time", "From": "city", "To": "city",
            "Coach": "count", "Fare": "amount",
            "Date": "date", "Row": "count", "Booking": "code",
        }),
        (("Prescription", "Pharmacy", "Medical report"), {
            "Patient": "person", "Doctor": "person", "Medicine": "medicine", "Dose": "dose", "Refills": "count",
            "Date of birth": "date", "Quantity": "count", "Weight": "weight", "Issued": "date", "Age": "count",
        }),
        (("Product label", "Best quality", "Parcel", "Delivery note"), {
            "Weight": "weight", "Batch": "code", "Best before": "date", "Origin": "city", "Model": "code",
            "Serial no.": "code", "Net weight": "weight", "Sender": "person", "Recipient": "person", "Price": "amount",
            "Pieces": "count", "Lot": "code",
        }),
        (("Registration", "Membership", "Contact details", "Application"), {
            "Name": "person", "Address": "address", "Phone": "phone", "Email": "email", "Postcode": "postcode",
            "City": "city", "Age": "count", "Member no.": "code", "Birthplace": "city", "Start date": "date",
            "Surname": "surname", "Height": "height",
        }),
    ),
    "es": (
        (("Factura", "FACTURA", "Factura proforma"), {
            "Factura núm.": "code", "Fecha": "date", "Vencimiento": "date", "Cliente": "person", "Proveedor": "company",
            "Subtotal": "amount", "IVA": "amount", "Descuento": "percent", "Total": "amount", "Importe": "amount",
            "Base imponible": "amount", "Neto": "amount", "NIF": "code", "Saldo": "amount", "Pedido": "code",
        }),
        (("Recibo", "Tique", "¡Gracias!"), {
            "Tienda": "company", "Cajero": "person", "Hora": "time", "Fecha": "date", "Artículos": "count",
            "Cambio": "amount", "Efectivo": "amount", "Tarjeta": "amount", "Total": "amount", "Mesa": "count",
            "Propina": "amount", "Té": "amount", "Pan": "amount", "Café": "amount", "Sopa": "amount",
        }),
        (("Tarjeta de embarque", "Billete de tren", "Entrada"), {
            "Pasajero": "person", "Asiento": "seat", "Puerta": "seat", "Tren": "code", "Vuelo": "code", "Vía": "count",
            "Salida": "time", "Llegada": "time", "Desde": "city", "Hasta": "city", "Coche": "count", "Precio": "amount",
            "Fecha": "date", "Fila": "count", "Localizador": "code",
        }),
        (("Receta", "Farmacia", "Informe médico"), {
            "Paciente": "person", "Médico": "person", "Medicamento": "medicine", "Dosis": "dose", "Envases": "count",
            "Nacimiento": "date", "Cantidad": "count", "Peso": "weight", "Emitido": "date", "Edad": "count",
        }),
        (("Etiqueta", "Paquete", "Albarán"), {
            "Peso": "weight", "Lote": "code", "Caducidad": "date", "Origen": "city", "Destino": "city",
            "Modelo": "code", "Núm. de serie": "code", "Peso neto": "weight", "Remitente": "person",
            "Destinatario": "person", "Precio": "amount", "Unidades": "count", "Bultos": "count",
        }),
        (("Inscripción", "Datos de contacto", "Solicitud", "Ficha de socio"), {
            "Nombre": "person", "Dirección": "address", "Teléfono": "phone", "Correo": "email",
            "Código postal": "postcode",
            "Ciudad": "city", "Edad": "count", "Socio núm.": "code", "Lugar": "city", "Fecha de alta": "date",
            "Apellido": "surname", "Altura": "height",
        }),
    ),
}  # fmt: skip
# Labels that may mean the same: where one is on a page, another can't be said to be missing from it.
SYNONYMS: dict[str, tuple[tuple[str, ...], ...]] = {
    "en": (
        ("Total", "Amount due", "Balance", "Price", "Fare"), ("Net", "Subtotal"), ("VAT", "Tax"), ("Batch", "Lot"),
        ("From", "Origin", "Departure", "Sender"), ("To", "Arrival", "Recipient", "Bill to"),
        ("Date", "Issued"), ("Time", "Departure", "Arrival"),
        ("Name", "Customer", "Passenger", "Patient", "Recipient", "Bill to"),
        ("Supplier", "Store", "Sender"), ("Items", "Pieces", "Quantity", "Refills"), ("Due", "Best before"),
        ("PO number", "Order no.", "Booking"), ("City", "Address", "Birthplace", "Origin"), ("Coach", "Train"),
    ),
    "es": (
        ("Total", "Importe", "Saldo", "Precio"), ("Neto", "Subtotal", "Base imponible"),
        ("Desde", "Origen", "Salida", "Remitente"), ("Hasta", "Destino", "Llegada", "Destinatario"),
        ("Fecha", "Emitido"), ("Hora", "Salida", "Llegada"), ("Vencimiento", "Vence", "Caducidad"),
        ("Nombre", "Cliente", "Pasajero", "Paciente", "Destinatario"), ("Proveedor", "Tienda", "Remitente"),
        ("Artículos", "Unidades", "Bultos", "Cantidad", "Envases"), ("Pedido", "Localizador"),
        ("Ciudad", "Dirección", "Lugar", "Origen", "Destino"), ("Coche", "Tren"),
    ),
}  # fmt: skip
# English labels that "the" can stand before.
WITH_ARTICLE = frozenset({
    "Date", "Due date", "Subtotal", "VAT", "Discount", "Total", "Amount due", "PO number", "Tax", "Balance", "Time",
    "Change", "Tip", "Seat", "Gate", "Flight", "Platform", "Fare", "Dose", "Medicine", "Date of birth", "Quantity",
    "Weight", "Age", "Batch", "Origin", "Model", "Net weight", "Price", "Lot", "Name", "Address", "Phone", "Email",
    "Postcode", "City", "Birthplace", "Start date", "Surname", "Height", "Account",
})  # fmt: skip
NOTES = {
    "en": (
        "Thank you for your visit", "Page 1 of 2", "Please keep this copy", "www.example.org", "Made with care",
        "All prices include tax", "Ask at the desk for help", "Copy for the customer", "Not valid without a stamp",
        "Open daily from 9 to 18", "Sign below", "Main Street 12", "Have a nice day",
    ),
    "es": (
        "Gracias por su visita", "Página 1 de 2", "Conserve esta copia", "www.ejemplo.org", "Hecho con cariño",
        "IVA incluido", "Pregunte en el mostrador", "Copia para el cliente", "No válido sin sello",
        "Abierto de 9 a 18", "Firme abajo", "Calle Mayor 12", "Buen viaje",
    ),
}  # fmt: skip
HEADINGS = {  # over the rows of a bill
    "en": ("Items", "Details", "Order", "Charges", "Summary", "Your purchase"),
    "es": ("Artículos", "Detalle", "Conceptos", "Cargos", "Resumen", "Su compra"),
}
COMPANIES = ("Lopez Ltd", "Nova Foods", "Casa Verde", "Blue Mill", "Kato & Co", "Sol Market", "Orbit", "Finn Print")
MEDICINES = ("Ibuprofen", "Amoxil", "Aspirin", "Cetirin", "Panadol", "Omepral", "Vitamin C", "Lanvis")
STREETS = {"en": ("Oak Street", "Mill Lane", "High Road", "Lake View"), "es": ("Calle Sol", "Av. Norte", "Plaza Real")}
SURNAMES = ("Ruiz", "Baker", "Khan", "Silva", "Lund", "Rossi", "Sato", "Grant", "Weber", "Costa", "Novak", "Ortega")


def value(sort: str, language: str, rng: np.random.Generator) -> str:
    """A value of this sort, in one of the ways people write it."""

    def one(some: tuple[str, ...] | list[str]) -> str:
        return some[rng.integers(len(some))]

    def number(low: int, high: int) -> int:
        return int(rng.integers(low, high))

    match sort:
        case "amount":
            whole, cents = number(1, 990), number(0, 100)
            mark = "," if language == "es" and rng.random() < 0.5 else "."
            plain = f"{whole}{mark}{cents:02d}"
            return one([plain, plain, f"{plain} EUR", f"${plain}" if language == "en" else plain])
        case "date":
            day, month, year = number(1, 29), number(1, 13), number(2001, 2040)
            iso, slashed = f"{year}-{month:02d}-{day:02d}", f"{day:02d}/{month:02d}/{year}"
            name = phrases(language).words("months")[month % 10]
            return one([iso, slashed, f"{day}.{month}.{year}", f"{day} {name} {year}"])
        case "code":
            letters = "".join(rng.choice(list("ABCDEFGHKLMNPRSTUVWXYZ"), number(1, 3)))
            return one([f"{letters}{number(100, 99999)}", f"{number(1000, 99999)}", f"{letters}-{number(100, 9999)}"])
        case "percent":
            return f"{number(1, 60)}%"
        case "time":
            return f"{number(0, 24):02d}:{number(0, 60):02d}"
        case "count":
            return str(number(1, 90))
        case "seat":
            return f"{number(1, 60)}{one('ABCDEF')}"  # type: ignore[arg-type]
        case "weight":
            return one([f"{number(1, 90)} kg", f"{number(50, 990)} g", f"{number(1, 9)}.{number(0, 10)} kg"])
        case "height":
            return f"{number(140, 200)} cm"
        case "dose":
            return f"{number(1, 100) * 10} mg"
        case "phone":
            return f"{number(600, 999)} {number(100, 999)} {number(100, 999)}"
        case "postcode":
            return f"{number(10000, 60000)}"
        case "email":
            return f"{one(SURNAMES).lower()}{number(1, 99)}@{one(['mail.com', 'post.org', 'web.es'])}"
        case "address":
            return f"{one(STREETS[language])} {number(1, 99)}"
        case "company":
            return one(COMPANIES)
        case "medicine":
            return one(MEDICINES)
        case "surname":
            return one(SURNAMES)
    return one(phrases(language).words("people" if sort == "person" else "cities"))
