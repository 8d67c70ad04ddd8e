"""Arithmetic: sums in columns, worked from the right, with the carry written out."""

from random import Random

from tiers.toys.item import Item, user

WORDINGS = ("What is {e}?", "Calculate {e}.", "How much is {e}?", "{e} = ?", "Work out {e}.")
# (operator, digits of a, digits of b) by difficulty.
SHAPES: tuple[tuple[int, str, int, int], ...] = (
    (1, "+", 1, 1),
    (1, "-", 1, 1),
    (2, "*", 1, 1),
    (2, "+", 2, 1),
    (2, "-", 2, 1),
    (3, "+", 2, 2),
    (3, "-", 2, 2),
    (4, "*", 2, 1),
    (4, "+", 3, 2),
    (4, "-", 3, 2),
    (5, "+", 3, 3),
    (5, "-", 3, 3),
    (5, "*", 3, 1),
)
NAMES = {"+": "add", "-": "subtract", "*": "multiply"}


def make(rng: Random) -> Item:
    """A sum of random size. One-digit sums are memorised; of larger ones the splits hold out the operands."""
    difficulty, operator, long, short = rng.choice(SHAPES)
    a, b = _number(rng, long), _number(rng, short)
    if operator == "-" and b > a:
        a, b = b, a
    tight = rng.random() < 0.2
    expression = f"{a}{operator}{b}" if tight else f"{a} {operator} {b}"
    prompt = rng.choice(WORDINGS).format(e=expression)
    key = prompt if long == 1 else f"{a}{operator}{b}"
    return Item(
        family=f"arithmetic.{NAMES[operator]}",
        difficulty=difficulty,
        messages=(user(prompt),),
        expected=worked(operator, a, b),
        check="number",
        key=f"arithmetic {key}",
    )


def worked(operator: str, a: int, b: int) -> str:
    """The answer: the number alone for one-digit operands, else every column and then `so N`."""
    total = {"+": a + b, "-": a - b, "*": a * b}[operator]
    if a < 10 and b < 10:
        return f"{total}"
    columns = {"+": _add, "-": _subtract, "*": _multiply}[operator](a, b)
    return f"{', '.join(columns)}, so {total}"


def _number(rng: Random, digits: int) -> int:
    return rng.randrange(0 if digits == 1 else 10 ** (digits - 1), 10**digits)


def _digits(a: int, b: int) -> list[tuple[int, int]]:
    """The columns of two numbers from the right, the shorter one filled with zeros."""
    width = len(str(a))
    return [(int(x), int(y)) for x, y in zip(str(a)[::-1], str(b).zfill(width)[::-1], strict=True)]


def _add(a: int, b: int) -> list[str]:
    lines, carry = [], 0
    for place, (x, y) in enumerate(_digits(a, b)):
        total = x + y + carry
        lines.append(f"{x}+{y}={total}" if place == 0 else f"{x}+{y}+{carry}={total}")
        carry = total // 10
    return lines


def _subtract(a: int, b: int) -> list[str]:
    lines, borrow = [], 0
    for place, (x, y) in enumerate(_digits(a, b)):
        rest = x - y - borrow
        owed = int(rest < 0)
        text = f"{x}-{y}" if place == 0 else f"{x}-{y}-{borrow}"
        lines.append(f"{text}{'+10' * owed}={rest + 10 * owed}")
        borrow = owed
    return lines


def _multiply(a: int, b: int) -> list[str]:
    lines, carry = [], 0
    for place, x in enumerate(int(digit) for digit in str(a)[::-1]):
        total = x * b + carry
        lines.append(f"{x}*{b}={total}" if place == 0 else f"{x}*{b}+{carry}={total}")
        carry = total // 10
    return lines
