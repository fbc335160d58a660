"""Every table, in one import: for migrations, and for tests that need them all to exist."""

from mailer.storage import (  # noqa: F401 - imported so that their tables exist
    audit,
    bounce_box,
    consents,
    deadlines,
    deliveries,
    events,
    feedback,
    forecasts,
    imports,
    languages,
    newsletters,
    organisations,
    plans,
    projects,
    redemptions,
    refusals,
    settings,
    subscribers,
    suppressions,
    texts,
    throttles,
    topics,
    updates,
    users,
    venues,
)
from mailer.storage.db import Base

metadata = Base.metadata
