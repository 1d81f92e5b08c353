"""Line charts as SVG, on a light ground of their own: an image does not know whether its page is dark."""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

WIDTH, HEIGHT = 380, 230
"""Of a panel."""

LEFT, RIGHT, TOP, BOTTOM = 46, 14, 50, 30
COLORS = ("#4a6fe3", "#d9822b", "#2e9e6b")
_STYLE = """text{font:12px system-ui,sans-serif;fill:#333}.t{font-weight:600;font-size:13px}
.a{stroke:#ddd;fill:none}.l{fill:none;stroke-width:2}"""


@dataclass(frozen=True)
class Panel:
    """One chart.

    Attributes:
        title: what the vertical axis tells, and of what.
        series: the points of each line, by its name.
        least: the vertical axis goes from 0 to this, at least.

    """

    title: str
    series: Mapping[str, Sequence[tuple[int, float]]]
    least: float = 0


def drawing(panels: Sequence[Panel], title: str, columns: int = 2) -> str:
    """Return `panels` as one picture."""
    rows = math.ceil(len(panels) / columns)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {columns * WIDTH} {rows * HEIGHT}">',
        f"<title>{escape(title)}</title><style>{_STYLE}</style>",
        '<rect width="100%" height="100%" rx="8" fill="#fff"/>',
    ]
    for index, panel in enumerate(panels):
        parts += [
            f'<g transform="translate({index % columns * WIDTH} {index // columns * HEIGHT})">',
            *_lines(panel),
            "</g>",
        ]
    return "\n".join([*parts, "</svg>", ""])


def _lines(panel: Panel) -> Iterator[str]:
    numbers = [number for points in panel.series.values() for number, _ in points]
    values = [value for points in panel.series.values() for _, value in points]
    decades = math.log10(max(numbers))
    top = _round_up(max(panel.least, 1.25 * max(values)))

    def x(number: float) -> float:
        return LEFT + math.log10(number) / decades * (WIDTH - LEFT - RIGHT)

    def y(value: float) -> float:
        return HEIGHT - BOTTOM - value / top * (HEIGHT - TOP - BOTTOM)

    yield f'<text class="t" x="{LEFT}" y="16">{escape(panel.title)}</text>'
    for value in (0, top / 2, top):
        yield f'<path class="a" d="M{LEFT} {y(value):.1f}H{WIDTH - RIGHT}"/>'
        yield f'<text x="{LEFT - 6}" y="{y(value) + 4:.1f}" text-anchor="end">{value:g}</text>'
    for power in range(round(decades) + 1):
        yield f'<text x="{x(10**power):.1f}" y="{HEIGHT - 10}" text-anchor="middle">{_short(10**power)}</text>'
    legend = LEFT
    for color, (name, points) in zip(COLORS, panel.series.items(), strict=False):
        path = " ".join(f"{x(number):.1f},{y(max(0.0, value)):.1f}" for number, value in points)
        yield f'<polyline class="l" stroke="{color}" points="{path}"/>'
        yield from (f'<circle cx="{x(n):.1f}" cy="{y(max(0.0, v)):.1f}" r="3" fill="{color}"/>' for n, v in points)
        yield f'<circle cx="{legend + 4:.0f}" cy="32" r="4" fill="{color}"/>'
        yield f'<text x="{legend + 12:.0f}" y="36">{escape(name)}</text>'
        legend += 28 + 7 * len(name)


def _round_up(value: float) -> float:
    unit = 10 ** math.floor(math.log10(value))
    return next(step * unit for step in (1, 2, 4, 6, 8, 10) if step * unit >= value)


def _short(number: int) -> str:
    for size, letter in ((10**6, "M"), (10**3, "k")):
        if number >= size:
            return f"{number // size}{letter}"
    return str(number)
