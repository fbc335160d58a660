"""The place in the mailbox of bounces: moved on once, by whoever found it where it was."""

from mailer.storage import bounce_box
from mailer.storage.bounce_box import Place
from mailer.storage.db import Sessions


def test_box_begins_before_its_first_mail_and_only_once(sessions: Sessions) -> None:
    with sessions() as session:
        unknown = bounce_box.find_place(session, "box")
        bounce_box.begin(session, "box")
        bounce_box.move_on(session, "box", Place(), Place(7, 3))
        bounce_box.begin(session, "box")

    with sessions() as session:
        assert unknown is None
        assert bounce_box.find_place(session, "box") == Place(7, 3)


def test_place_moves_only_from_where_it_was_found(sessions: Sessions) -> None:
    with sessions() as session:
        bounce_box.begin(session, "box")
        bounce_box.begin(session, "another")
        moved = [
            bounce_box.move_on(session, "box", found, reached)
            for found, reached in (
                (Place(), Place(7, 3)),
                (Place(), Place(7, 4)),
                (Place(6, 3), Place(7, 4)),
                (Place(7, 3), Place(7, 5)),
            )
        ]

    with sessions() as session:
        assert moved == [True, False, False, True]
        assert bounce_box.find_place(session, "box") == Place(7, 5)
        assert bounce_box.find_place(session, "another") == Place()
