"""Documents in Markdown from templates, their paragraphs as wide as those of this project. Knows no subject."""

from textwrap import fill

from jinja2 import Environment, PackageLoader, StrictUndefined

WIDTH = 118


def render_markdown(package: str, template: str, **values: object) -> str:
    """The document of a template that lies in ``package``. What stands in a block ``filter fill`` is one paragraph."""
    environment = Environment(
        loader=PackageLoader(package, ""),
        undefined=StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["fill"] = lambda text, indent="": fill(text, WIDTH, subsequent_indent=indent)
    return environment.get_template(template).render(values)
