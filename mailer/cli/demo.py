"""`mailer demo`: the whole service on example content, to walk through or to be played."""

import shutil
import tempfile
from pathlib import Path

import click

from mailer.cli.serving import serve_web
from mailer.demo.service import run_service
from mailer.demo.stage import COORDINATOR, Stage, find_free_port, set_stage
from mailer.demo.story import Step, play
from mailer.log import set_up_log

SERVED_GRACE = 15


@click.command()
@click.option("--once", is_flag=True, help="Play the story unattended and end.")
@click.option("--folder", type=click.Path(path_type=Path), default=Path("demo"), show_default=True)
@click.option("--port", default=8000, show_default=True, help="Where the pages are served.")
@click.option("--mail-port", default=8025, show_default=True, help="Where the inbox listens.")
@click.pass_context
def demo(context: click.Context, once: bool, folder: Path, port: int, mail_port: int) -> None:
    """Show everything on example content: SQLite, an inbox of its own, nothing to configure."""
    if once:
        context.exit(0 if _play_once() else 1)
    stage = set_stage(folder, web_port=port, mail_port=mail_port, grace=SERVED_GRACE)
    _welcome(stage)
    config = stage.parts.config
    set_up_log("warning", config.log.format)
    stage.parts.database.dispose()
    serve_web(stage.parts, with_worker=True)


def _play_once() -> bool:
    folder = Path(tempfile.mkdtemp(prefix="mailer-demo-"))
    held = True
    try:
        stage = set_stage(folder, web_port=find_free_port(), mail_port=find_free_port(), grace=0)
        click.echo("Starting the service ...")
        with run_service(stage):
            for number, step in enumerate(play(stage), start=1):
                _print_step(number, step)
                held = held and step.held
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    click.echo("Every step held." if held else "The story broke off.")
    return held


def _print_step(number: int, step: Step) -> None:
    mark = click.style("ok ", fg="green") if step.held else click.style("NO ", fg="red")
    click.echo(f"{number:>3}  {mark} {step.title:<30} {step.result}")


def _welcome(stage: Stage) -> None:
    url = stage.parts.config.site.base_url
    click.echo(
        f"""
  The demonstration runs. Leave it with Ctrl-C; it goes on where it was next time.

  Sign up as a visitor    {url}/cs/
  Read the mail it sends  {url}/inbox
  The coordinator's desk  {url}/desk/
       sign in as         {COORDINATOR}
       password           {stage.password}
"""
    )
