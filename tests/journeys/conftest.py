"""The real service on example content, with an inbox of its own: `mailer run`, once per module."""

from collections.abc import Iterator

import pytest

from mailer.demo.service import run_service
from mailer.demo.stage import Stage, find_free_port, set_stage


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Mail leaves at once when a newsletter is approved: there is no grace."""
    folder = tmp_path_factory.mktemp("stage")
    stage = set_stage(folder, web_port=find_free_port(), mail_port=find_free_port(), grace=0)
    with run_service(stage):
        yield stage
    stage.parts.database.dispose()
