"""Numbers as they are printed everywhere: one at a time, or a whole map of them at once."""

import math

import torch

RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def figures(value: float) -> str:
    """A number in three figures that count, thousands in groups, with a true minus.

    >>> figures(0.01234), figures(-3.14159), figures(1234567), figures(0), figures(0.00012), figures(-math.inf)
    ('0.0123', '−3.14', '1,234,567', '0', '1.2 × 10⁻⁴', '−∞')
    >>> figures(999.4), figures(999.7)
    ('999', '1,000')
    """
    if not math.isfinite(value):
        text = "no number" if math.isnan(value) else f"{value}".replace("inf", "∞")
    elif isinstance(value, int) or abs(value) >= 999.5:  # which rounds to 1000
        text = f"{round(value):,}"
    elif value and abs(value) < 0.001:
        mantissa, _, exponent = f"{value:.1e}".partition("e")
        text = f"{mantissa} × 10{str(int(exponent)).translate(RAISED)}"
    else:
        text = f"{value:#.3g}".rstrip(".") if value else "0"
    return text.replace("-", "−")


def percent(share: float) -> str:
    """A probability as people read it.

    >>> percent(0.8321), percent(0.0004), percent(1.0)
    ('83.2 %', '< 0.1 %', '100 %')
    """
    if 0 < share < 0.001:
        return "< 0.1 %"
    return "100 %" if share > 0.9995 else f"{100 * share:.1f} %"


def readings(values: torch.Tensor) -> tuple[list[str], torch.Tensor]:
    """Numbers of any shape in `figures`: the different texts, and for each number which of them, (...) int64.

    A map of a picture's pixels has fifty thousand numbers and a tenth as many texts, which is what makes it quick.

    >>> texts, places = readings(torch.tensor([[0.5, 0.50001], [-2.0, 0.0]]))
    >>> [[texts[place] for place in row] for row in places.tolist()]
    [['0.500', '0.500'], ['−2.00', '0']]
    """
    exact = values.detach().cpu().double()
    size = exact.abs().clamp(1e-300, 1e300)
    counting = torch.where(size < 0.001, 2, 3)  # figures that count
    step = torch.where(size >= 1000, 1.0, 10.0 ** (size.log10().floor() - counting + 1))
    found, places = torch.where(exact.isfinite(), (exact / step).round() * step, exact).unique(return_inverse=True)
    return [figures(value) for value in found.tolist()], places
