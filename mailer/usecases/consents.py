"""Writes the proof of what somebody agreed to or took back. A row is only ever added."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from mailer.domain.consent import WORDING, ConsentAction
from mailer.storage.consents import Consent
from mailer.storage.subscribers import Subscriber


@dataclass(frozen=True, slots=True)
class Trace:
    """Where somebody acted: `source` names the form or page, `language` is that of its words, `ip`
    the network address the request really came from, `evidence` whatever else proves it."""

    source: str
    language: str
    ip: str = ""
    evidence: str = ""


def record(
    session: Session, subscriber: Subscriber, action: ConsentAction, trace: Trace, now: datetime
) -> None:
    """Add one line to a subscriber's history, with the topics as they are at this moment."""
    session.add(
        Consent(
            subscriber_id=subscriber.id,
            action=action,
            at=now,
            source=trace.source,
            wording=WORDING,
            language=trace.language,
            topics=subscriber.topics,
            ip=trace.ip,
            evidence=trace.evidence,
        )
    )
