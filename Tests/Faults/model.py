"""What the catalogue must be: a dictionary, and the drops in their order.

The model knows nothing of CSV: a drop is made from its rows, and its bytes are written from the same rows.
"""

import dataclasses
import hashlib

FIELDS = ("sku", "name", "description", "active")


@dataclasses.dataclass
class Drop:
    name: bytes
    content: bytes
    # Rows of known fields, in order; None where the import must fail.
    rows: list | None
    header: tuple = FIELDS
    rejected: int = 0
    dry_run: bool = False
    # What may come of it: usually one state.
    states: tuple = ("completed",)
    error: str | None = None
    expected: dict | None = None

    @property
    def sha256(self):
        return hashlib.sha256(self.content).hexdigest()


class Model:
    def __init__(self):
        # By the SKU in lower case: [sku, name, description, active].
        self.products = {}

    def apply(self, drop):
        """What the drop does to the catalogue, and the numbers that its import must show."""
        counts = {"read": 0, "created": 0, "updated": 0, "unchanged": 0, "duplicates": 0, "rejected": 0}
        if drop.rows is None:
            return None
        last = {}
        for row in drop.rows:
            last[row[0].lower()] = row
        products = dict(self.products) if drop.dry_run else self.products
        for key, row in last.items():
            values = dict(zip(drop.header, row))
            old = products.get(key)
            new = [values["sku"]]
            for index, (field, default) in enumerate((("name", ""), ("description", ""), ("active", "t")), 1):
                if field in values and not (field == "active" and values[field] == ""):
                    new.append(values[field])
                else:
                    new.append(old[index] if old else default)
            if old is None:
                counts["created"] += 1
            elif old == new:
                counts["unchanged"] += 1
            else:
                counts["updated"] += 1
            products[key] = new
        counts["read"] = len(drop.rows) + drop.rejected
        counts["duplicates"] = len(drop.rows) - len(last)
        counts["rejected"] = drop.rejected
        return counts

    def as_copy(self):
        """The catalogue in the text form of COPY, ordered by key."""
        lines = []
        for _, row in sorted(self.products.items(), key=lambda item: item[0].encode()):
            lines.append("\t".join(_escape(value) for value in row))
        return "".join(line + "\n" for line in lines).encode()


def _escape(text):
    if not any(character in text for character in "\\\t\n\r\b\f\v"):
        return text
    for plain, escaped in (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r"), ("\b", "\\b"), ("\f", "\\f"),
                           ("\v", "\\v")):
        text = text.replace(plain, escaped)
    return text


def _cell(text):
    if any(character in text for character in ',"\r\n'):
        return '"' + text.replace('"', '""') + '"'
    return text


def csv_bytes(rows, header=FIELDS):
    lines = [",".join(header)] + [",".join(_cell(value) for value in row) for row in rows]
    return ("\r\n".join(lines) + "\r\n").encode()


def rows(random, count, keys, label):
    """Rows over `keys` possible SKUs: some repeated, some in the other case, some with line breaks and quotes."""
    result = []
    for number in range(count):
        key = random.randrange(keys)
        sku = f"SKU-{key}" if random.random() < 0.9 else f"sku-{key}"
        name = f"{label} {number % 7}" if random.random() < 0.8 else f'"{label}", new\nline'
        result.append((sku, name, "" if key % 3 else f"text {key % 11}", "f" if key % 5 == 0 else "t"))
    return result


def sequence(first, count, label):
    """Many rows at little cost: `count` different SKUs."""
    return [(f"SKU-{number}", f"{label} {number % 3}", "some text of a usual length", "t")
            for number in range(first, first + count)]
