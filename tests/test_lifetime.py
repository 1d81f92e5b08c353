"""`expires_in` and `expires_at` mean the same everywhere."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from requests_oauth2client import BearerToken, InvalidParam
from requests_oauth2client.lifetime import LATEST, accepts_expires_in, as_datetime, expiry, seconds

NOW = datetime(2030, 1, 1, tzinfo=timezone.utc)
LAST_SECOND = datetime(9999, 12, 31, 23, 59, 59, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("expires_in", "left"),
    [
        (60, 60),
        ("60", 60),
        (" 60 ", 60),
        (0, 0),
        ("0", 0),
        (-60, -60),
        ("-60", -60),
        (1.5, 1.5),
        ("1.5", 1.5),
        (True, None),
        ("soon", None),
        ("", None),
        ("nan", None),
        (float("nan"), None),
        (float("inf"), None),
        ([60], None),
        ({}, None),
        (None, None),
    ],
)
def test_expires_in(now, expires_in, left):
    """Seconds come as any number or its text, 0 and negative included; what is no number means that nothing is known."""
    token = BearerToken("at", expires_in=expires_in)
    if left is None:
        assert token.expires_at is None
        assert token.expires_in is None
        assert token.is_expired() is None
        assert token.is_expired(leeway=10**9) is None
    else:
        assert token.expires_at == NOW + timedelta(seconds=left)
        assert token.is_expired() is (left < 0)


def test_fractions_of_now_are_dropped(now):
    """`expires_at` counts from the whole second, so that it is never later than the server meant."""
    now.shift(0.9)
    token = BearerToken("at", expires_in=60)
    assert token.expires_at == NOW + timedelta(seconds=60)
    assert token.expires_in == 60


def test_expires_in_counts_down(now):
    """`expires_in` is what is left at each moment, rounded up; `expires_at` stays."""
    token = BearerToken("at", expires_in=60)
    seen = []
    for shift in (0, 0.5, 0.5, 59, 0.25, 0.75):
        now.shift(shift)
        seen.append(token.expires_in)
    assert seen == [60, 60, 59, 0, 0, -1]
    assert token.expires_at == NOW + timedelta(seconds=60)


@pytest.mark.parametrize(
    ("leeway", "after", "expired"),
    [(0, 60, False), (0, 60.1, True), (20, 40, False), (20, 40.1, True), (-10, 69, False), (-10, 70.1, True)],
)
def test_leeway(now, leeway, after, expired):
    """A token counts as expired when now + leeway is past its expiry; a negative leeway prolongs it."""
    token = BearerToken("at", expires_in=60)
    now.shift(after)
    assert token.is_expired(leeway) is expired


@pytest.mark.parametrize("expires_in", [10**12, 10**400, "9" * 30, 1e300])
def test_far_future(now, expires_in):
    """What expires after the last date that Python knows expires then, and not with an OverflowError."""
    token = BearerToken("at", expires_in=expires_in)
    assert token.expires_at == LAST_SECOND
    assert token.is_expired() is False


@pytest.mark.parametrize("expires_in", [-(10**12), -1e300, "-1e300"])
def test_far_past(now, expires_in):
    """What expired before 1970 is expired."""
    token = BearerToken("at", expires_in=expires_in)
    assert token.is_expired() is True
    assert token.expires_at == datetime(1970, 1, 1, tzinfo=timezone.utc)


def test_integer_without_end():
    """An integer that no float can hold is far in the future when positive, and meaningless otherwise."""
    assert seconds(10**400) == LATEST
    assert seconds(-(10**400)) is None


@pytest.mark.parametrize(
    ("expires_at", "expected"),
    [
        (NOW, NOW),
        (NOW.astimezone(timezone(timedelta(hours=2))), NOW),
        (1893456000, NOW),
        (1893456000.5, NOW + timedelta(seconds=0.5)),
        (datetime.max.replace(tzinfo=timezone.utc), LAST_SECOND),
        (10**15, LAST_SECOND),
        (None, None),
    ],
)
def test_expires_at(expires_at, expected):
    """An expiry is an aware datetime, or seconds since the epoch, and is given back in UTC."""
    found = BearerToken("at", expires_at=expires_at).expires_at
    assert found == expected
    assert found is None or found.tzinfo is timezone.utc


@pytest.mark.parametrize(
    ("expires_at", "hint"),
    [(datetime(2030, 1, 1), "timezone"), ("soon", "of type str"), (True, "of type bool"), ([], "of type list")],
)
def test_unusable_expires_at(expires_at, hint):
    """A naive datetime and other types are refused at once, not at the first use."""
    with pytest.raises(InvalidParam, match=hint):
        BearerToken("at", expires_at=expires_at)


def test_expires_in_wins(now):
    """When both are given, `expires_in` is the one."""
    assert expiry(60, NOW) == NOW.timestamp() + 60
    assert expiry(None, NOW) == NOW.timestamp()
    assert expiry() is None
    assert as_datetime(None) is None


class TestAcceptsExpiresIn:
    @staticmethod
    @accepts_expires_in
    def expires(expires_at=None):
        return expires_at

    @pytest.mark.parametrize(("expires_in", "left"), [(60, 60), ("60", 60), (0, 0), ("0", 0), (-60, -60), (1.5, 1.5)])
    def test_expires_in(self, now, expires_in, left):
        """A decorated callable takes `expires_in` and receives `expires_at`."""
        now.shift(0.7)
        assert self.expires(expires_in=expires_in) == NOW + timedelta(seconds=left)
        assert self.expires(expires_in=expires_in, expires_at=NOW) == NOW + timedelta(seconds=left)

    def test_no_number(self):
        """A text that is no number is ignored."""
        assert self.expires(expires_in="soon") is None

    def test_without(self):
        """Calls without `expires_in` stay what they were."""
        assert self.expires(expires_at=NOW) == NOW
        assert self.expires(NOW) == NOW
        assert self.expires() is None
        assert self.expires.__name__ == "expires"


@given(st.integers() | st.floats() | st.text() | st.booleans() | st.binary() | st.lists(st.integers()))
@settings(max_examples=200)
def test_any_expires_in(value):
    """Whatever a server calls `expires_in`, there is an expiry or none, and never an exception."""
    token = BearerToken("at", expires_in=value)
    assert (token.expires_at is None) == (token.expires_in is None) == (token.is_expired() is None)
    assert repr(token)
