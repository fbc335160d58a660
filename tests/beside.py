"""Two transactions at once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait

from sqlalchemy.orm import Session

from mailer.storage.db import Sessions


def run_beside(
    sessions: Sessions, first: Callable[[Session], object], second: Callable[[Session], object]
) -> bool:
    """Begin the second while the first has not committed yet; whether it waited for that."""

    def run_second() -> None:
        with sessions() as session:
            second(session)

    with ThreadPoolExecutor(1) as pool:
        with sessions() as session:
            first(session)
            session.flush()
            beside = pool.submit(run_second)
            waits = not wait([beside], 0.3).done
        beside.result(30)
    return waits
