"""Every table, in one import: for migrations, and for tests that need them all to exist."""

from mailer.storage import (
    audit,
    consents,
    deadlines,
    deliveries,
    events,
    imports,
    languages,
    newsletters,
    organisations,
    plans,
    projects,
    redemptions,
    settings,
    subscribers,
    suppressions,
    texts,
    topics,
    updates,
    users,
    venues,
)
from mailer.storage.db import Base

ROOMS = (
    audit,
    consents,
    deadlines,
    deliveries,
    events,
    imports,
    languages,
    newsletters,
    organisations,
    plans,
    projects,
    redemptions,
    settings,
    subscribers,
    suppressions,
    texts,
    topics,
    updates,
    users,
    venues,
)

metadata = Base.metadata
