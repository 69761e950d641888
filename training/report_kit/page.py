"""HTML pages that need nothing else: no script, no link, pictures inside. Only this folder imports jinja2. Knows no
subject.

A template extends ``page.html.jinja`` (blocks ``title`` and ``body``) and takes ``figure`` from ``figure.html.jinja``.
"""

from base64 import b64encode
from dataclasses import dataclass

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from training.report_kit.svg import DARK, LIGHT, Plot, Theme, draw


@dataclass(frozen=True, slots=True)
class Picture:
    """One plot for a light and for a dark page, as data URIs. ``heading`` is also its alternative text."""

    heading: str
    caption: str
    light: str
    dark: str


def picture(heading: str, plot: Plot, caption: str = "") -> Picture:
    """Draws the plot for both pages."""
    return Picture(heading, caption, _data_uri(plot, LIGHT), _data_uri(plot, DARK))


def render(package: str, template: str, **values: object) -> str:
    """The page of a template that lies in ``package``. Text in ``values`` is never read as markup."""
    environment = Environment(
        loader=ChoiceLoader([PackageLoader(package, ""), PackageLoader("training.report_kit", "")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    return environment.get_template(template).render(values)


def _data_uri(plot: Plot, theme: Theme) -> str:
    return f"data:image/svg+xml;base64,{b64encode(draw(plot, theme)).decode('ascii')}"
