"""Which cells of a grid are neighbours: half of each cell's, the other half follows by symmetry."""

Offset = tuple[int, int]
"""Rows and columns from a cell to its neighbour."""


def neighbours(radius: int) -> list[Offset]:
    """Offsets (dy, dx) with dx² + dy² < radius², those below a cell and on its right (PSA, IRNet).

    Radius 5 has 34: with their mirror images and the cell itself 69 entries in each row of the walk's matrix.
    """
    right = [(0, dx) for dx in range(1, radius)]
    below = [(dy, dx) for dy in range(1, radius) for dx in range(1 - radius, radius)]
    return right + [(dy, dx) for dy, dx in below if dy**2 + dx**2 < radius**2]


def path(offset: Offset) -> list[Offset]:
    """The cells on the straight way to a neighbour, both ends included (IRNet).

    They lie between the ends, less than one cell from the line: their squared distance from it is below 1.
    """
    dy, dx = offset
    columns = range(min(0, dx), max(0, dx) + 1)
    return [(y, x) for y in range(dy + 1) for x in columns if (dy * x - dx * y) ** 2 < dy**2 + dx**2]
