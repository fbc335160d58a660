"""What was used of the limits, shared by all workers: one row for the provider, one per domain.

`count_room` and `book` belong into the transaction that claims: the first holds the provider's
row until the second has written down what leaves, so that two workers never use the same place.
Without a limit none of them asks the database anything.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, Index, Select, String, delete, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from mailer.domain import domain_throttle, throttle
from mailer.domain.domain_throttle import DomainMeter, find_domain, find_idle
from mailer.domain.rate import Burst, Bursts, Rate, Unit
from mailer.domain.throttle import Limits, Meter
from mailer.storage.db import Base, Moment, insert_into


class Throttle(Base):
    """`key` names a provider or a domain. `bursts`: unit → [began, ended, number] each, in seconds
    since 1970. The days are a warm-up's; `promised_at` and `promised` are a domain's, and after
    `idle_at` a domain's row says nothing any more."""

    __tablename__ = "throttle"
    __table_args__ = (Index("ix_throttle_idle_at", "idle_at"),)

    key: Mapped[str] = mapped_column(String(270), primary_key=True)
    bursts: Mapped[Any] = mapped_column(JSON)
    days: Mapped[int] = mapped_column(default=0)
    day_began_at: Mapped[datetime | None] = mapped_column(Moment)
    day_number: Mapped[int] = mapped_column(default=0)
    promised_at: Mapped[datetime | None] = mapped_column(Moment)
    promised: Mapped[int] = mapped_column(default=0)
    idle_at: Mapped[datetime | None] = mapped_column(Moment)


def count_room(
    session: Session, limits: Limits, wanted: int, now: datetime, *, is_urgent: bool = False
) -> int:
    """How many of `wanted` mails may be claimed now. Books nothing: `book` does, once they are."""
    if not limits.hold_provider:
        return wanted
    meter = _hold(session, limits)
    return throttle.count_room(limits, meter, wanted, now, is_urgent=is_urgent)


def book(
    session: Session,
    limits: Limits,
    addresses: Mapping[int, str],
    now: datetime,
    *,
    is_urgent: bool = False,
) -> dict[int, datetime]:
    """Write down that these mails leave now: id → address, in the order in which they were
    claimed. Returns those that do not, because their domain takes no more: id → until when each
    of them is put off."""
    put_off = _split(session, limits, addresses, now, is_urgent=is_urgent)
    going = len(addresses) - len(put_off)
    if limits.hold_provider and going:
        meter = _hold(session, limits)
        _save(session, limits, throttle.book(limits, meter, going, now))
    return put_off


def give_back(session: Session, limits: Limits, number: int) -> None:
    """So many booked mails did not leave after all, and others may go in their place. What was
    booked for their domains stays booked."""
    if limits.hold_provider and number:
        _save(session, limits, throttle.give_back(_hold(session, limits), number))


def find_next(session: Session, limits: Limits, now: datetime) -> datetime | None:
    """When the next newsletter mail may leave; None if one may leave now."""
    meter = find_meter(session, limits)
    opening = throttle.find_opening(limits, meter, now)
    return opening if opening > now else None


def find_meter(session: Session, limits: Limits) -> Meter:
    """What was used of the provider's limits, for whoever only looks."""
    if not limits.hold_provider:
        return Meter()
    row = session.execute(_select_provider(limits)).one_or_none()
    return Meter(_read(row.bursts), row.days, row.day_began_at, row.day_number) if row else Meter()


def forget_idle(session: Session, now: datetime) -> None:
    """Drop the rows of domains that nothing was sent to for a while."""
    session.execute(delete(Throttle).where(Throttle.idle_at <= now))


def _split(
    session: Session,
    limits: Limits,
    addresses: Mapping[int, str],
    now: datetime,
    *,
    is_urgent: bool,
) -> dict[int, datetime]:
    found = _group(limits, addresses)
    if not found:
        return {}
    _hold(session, limits)  # all domains hang on this one row, so no two workers block each other
    meters = _find_meters(session, found)
    put_off: dict[int, datetime] = {}
    for domain, (rate, ids) in found.items():
        meter = meters.get(domain) or DomainMeter(rate.unit)
        meters[domain], moments = domain_throttle.split(
            rate, meter, len(ids), now, is_urgent=is_urgent
        )
        put_off.update(zip(ids[len(ids) - len(moments) :], moments, strict=True))
    _save_domains(session, meters, now)
    return put_off


def _group(limits: Limits, addresses: Mapping[int, str]) -> dict[str, tuple[Rate, list[int]]]:
    """Domain → its limit and the mails to it, in order; domains without a limit are absent."""
    found: dict[str, tuple[Rate, list[int]]] = {}
    if not limits.domains:
        return found
    for number, address in addresses.items():
        domain = find_domain(address)
        if rate := limits.find_for(domain):
            found.setdefault(domain, (rate, []))[1].append(number)
    return found


def _hold(session: Session, limits: Limits) -> Meter:
    """The provider's row, which is now this transaction's until its end."""
    query = _select_provider(limits).with_for_update()
    row = session.execute(query).one_or_none()
    if row is None:
        first = insert_into(session, Throttle).values(key=_name_provider(limits), bursts={})
        session.execute(first.on_conflict_do_nothing(index_elements=["key"]))
        row = session.execute(query).one()
    return Meter(_read(row.bursts), row.days, row.day_began_at, row.day_number)


def _select_provider(limits: Limits) -> Select[Any]:
    columns = (Throttle.bursts, Throttle.days, Throttle.day_began_at, Throttle.day_number)
    return select(*columns).where(Throttle.key == _name_provider(limits))


def _save(session: Session, limits: Limits, meter: Meter) -> None:
    session.connection().execute(
        update(Throttle)
        .where(Throttle.key == _name_provider(limits))
        .values(
            bursts=_write(meter.bursts),
            days=meter.days,
            day_began_at=meter.day_began_at,
            day_number=meter.day_number,
        )
    )


def _find_meters(session: Session, domains: Iterable[str]) -> dict[str, DomainMeter]:
    keys = {_name_domain(domain): domain for domain in domains}
    columns = (Throttle.key, Throttle.bursts, Throttle.promised_at, Throttle.promised)
    rows = session.execute(select(*columns).where(Throttle.key.in_(keys)))
    return {
        keys[key]: DomainMeter(unit, bursts, promised_at, promised)
        for key, written, promised_at, promised in rows
        for unit, bursts in _read(written).items()
    }


def _save_domains(session: Session, meters: Mapping[str, DomainMeter], now: datetime) -> None:
    insert = insert_into(session, Throttle)
    changed = {
        name: insert.excluded[name] for name in ("bursts", "promised_at", "promised", "idle_at")
    }
    session.connection().execute(
        insert.on_conflict_do_update(index_elements=["key"], set_=changed),
        [
            {
                "key": _name_domain(domain),
                "bursts": _write({meter.unit: meter.bursts}),
                "promised_at": meter.promised_at,
                "promised": meter.promised,
                "idle_at": find_idle(meter, now),
            }
            for domain, meter in meters.items()
        ],
    )


def _name_provider(limits: Limits) -> str:
    return f"provider {limits.provider}"


def _name_domain(domain: str) -> str:
    return f"domain {domain}"


def _read(written: Mapping[str, list[list[float]]]) -> dict[Unit, Bursts]:
    return {
        Unit(unit): tuple(
            Burst(
                datetime.fromtimestamp(began, UTC), datetime.fromtimestamp(ended, UTC), int(number)
            )
            for began, ended, number in bursts
        )
        for unit, bursts in written.items()
    }


def _write(bursts: Mapping[Unit, Bursts]) -> dict[str, list[list[float]]]:
    return {
        unit.value: [
            [burst.began_at.timestamp(), burst.ended_at.timestamp(), burst.number] for burst in held
        ]
        for unit, held in bursts.items()
    }
