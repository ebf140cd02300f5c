"""Times as spreadsheets write them: a column decides whether the day or the month comes first."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapd.exchange.moments import read_moments

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        *("2026-01-31T12:00:00+00:00", "2026-01-31T12:00:00Z", "2026-01-31 12:00", "2026-01-31T14:00:00.000+02:00"),
        *("46053.5", "46053,5", "31.01.2026 12:00", "31.1.26 12:00:00", "31/01/2026 12:00", "1/31/2026 12:00 PM"),
        *("01/31/2026, 12:00:00 pm", "31-01-2026 12:00"),
    ],
)
def test_a_time_is_read_as_it_is_written(text: str) -> None:
    assert read_moments([text]) == [NOON]


def test_the_column_tells_what_a_row_alone_does_not() -> None:
    third, other = datetime(2026, 4, 3, tzinfo=UTC), datetime(2026, 3, 4, tzinfo=UTC)
    assert read_moments(["3/4/2026", "31/1/2026 12:00"]) == [third, NOON]
    assert read_moments(["3/4/2026", "1/31/2026 12:00"]) == [other, NOON]
    assert read_moments(["4/4/2026", None]) == [datetime(2026, 4, 4, tzinfo=UTC), None]
    (fault,) = read_moments(["3/4/2026"])
    assert fault == '"3/4/2026" may begin with the day or with the month; write times as 2026-04-03 10:00'


@pytest.mark.parametrize(
    "text", ["noon", "99/99/2026", "2026-13-01", "0001-01-01T00:00:00+14:00", "1969-12-31", "1" * 99]
)
def test_what_is_no_time_is_said(text: str) -> None:
    (fault,) = read_moments([text])
    assert isinstance(fault, str)
    assert "write times as" in fault


@given(st.datetimes(datetime(1983, 1, 1), datetime(2140, 1, 1)))
def test_a_spreadsheets_number_is_the_time_that_it_was(moment: datetime) -> None:
    number = (moment - datetime(1899, 12, 30)) / timedelta(days=1)
    (back,) = read_moments([f"{number:.10f}"])
    assert isinstance(back, datetime)
    assert abs(back.replace(tzinfo=None) - moment) < timedelta(milliseconds=2)


@given(st.datetimes(datetime(1970, 1, 2), datetime(2140, 1, 1), timezones=st.just(UTC)))
def test_a_time_of_ours_comes_back(moment: datetime) -> None:
    assert read_moments([moment.isoformat()]) == [moment]
