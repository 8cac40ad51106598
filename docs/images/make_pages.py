"""Takes a picture of every page (`make pictures`), at the width of a desktop and of a phone.

It starts a service of its own with a course in which a week has passed, really graded.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import click
from playwright.sync_api import sync_playwright

from grader.config import load_settings
from grader.services.site import open_site
from tests.browser import _pages
from tests.browser._classroom import DESKTOP, PHONE, Lookers
from tests.browser._filled import filled
from tests.browser.conftest import CHROMIUM, CHROMIUM_ARGUMENTS
from tests.serving import served

ROOT = Path(__file__).parents[2]
_SIZES = {"desktop": DESKTOP, "phone": PHONE}


@click.command()
@click.option("--into", default=ROOT / "build" / "pages", type=click.Path(path_type=Path))
@click.option("--scheme", default="light", type=click.Choice(["light", "dark"]))
@click.option("--only", default="", help="Pages whose name holds this.")
def main(into: Path, scheme: str, only: str) -> None:
    """Open each page, and write <what it is about>-<who looks>-<size>.png into a folder."""
    into.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="chainrule-pages-") as name,
        served(Path(name)) as service,
        sync_playwright() as playwright,
    ):
        site = open_site(load_settings(service.environment))
        course = filled(site)
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=list(CHROMIUM_ARGUMENTS)
        )
        lookers = Lookers(browser, service.url, site)
        for look in _pages.looks(course.ids):
            if only not in look.name:
                continue
            for size_name, size in _SIZES.items():
                page = lookers.as_(course.people.get(look.who), size, color_scheme=scheme)
                page.goto(look.address)
                path = into / f"{look.name}-{size_name}.png"
                page.screenshot(path=path, full_page=True)
                page.context.close()
                click.echo(path)
        lookers.close()
        browser.close()
        site.close()


if __name__ == "__main__":
    main()
