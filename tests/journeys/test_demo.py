"""`mailer demo --once`: the story that a newcomer plays before reading anything holds."""

import re
import subprocess
import sys

TITLES = [
    "Read the pasted website",
    "Sign up in Czech",
    "Find the confirmation mail",
    "A mail scanner opens the link",
    "Confirm with the button",
    "Compose the digest",
    "Check and approve it",
    "Deliver it over SMTP",
    "Each in their own language",
    "Read the visitor's copy",
    "Leave by one click",
    "Compose a second digest",
    "Approve and deliver it",
    "Who left is skipped",
]


def test_demo_plays_to_its_end(tmp_path: object) -> None:
    played = subprocess.run(
        [sys.executable, "-m", "mailer", "demo", "--once"],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
        cwd=str(tmp_path),
    )

    first, *steps, last = played.stdout.strip().splitlines()
    assert (first, last) == ("Starting the service ...", "Every step held.")
    assert [re.findall(r"^ +\d+ +(\w+) +(.+?)(?: {2,}|  )", step) for step in steps] == [
        [("ok", title)] for title in TITLES
    ]
    assert (played.returncode, played.stderr) == (0, "")
