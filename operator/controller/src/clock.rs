//! The clock. Nothing else in the controller reads it; clippy.toml checks that.

use std::time::Duration;

use k8s_openapi::jiff::tz::TimeZone;
use k8s_openapi::jiff::{Timestamp, ToSpan};
use tokio::time::sleep;

/// A clock may be set, and a machine may sleep: never waits longer than this before it looks at the time again.
const LONGEST_WAIT: Duration = Duration::from_hours(1);

/// The current time.
#[allow(clippy::disallowed_methods, reason = "here the clock is read, and nowhere else")]
pub fn now() -> Timestamp {
    Timestamp::now()
}

/// Calls `begins` whenever a day begins, in UTC; does not end. Assessments expire, policies and exceptions begin and end,
/// and all of it by days: nothing in the cluster changes at that moment, so no watch reports it.
pub async fn each_day(begins: impl Fn()) {
    let mut next = next_day(now());
    loop {
        let now = now();
        if now >= next {
            begins();
            next = next_day(now);
        }
        sleep(wait(now, next)).await;
    }
}

/// The next moment at which a decision can be another one though nothing has changed: the next day, in UTC, as all days of
/// policies and models are.
fn next_day(now: Timestamp) -> Timestamp {
    let today = now.to_zoned(TimeZone::UTC).date();
    let tomorrow = today.checked_add(1.day()).and_then(|day| day.to_zoned(TimeZone::UTC));
    tomorrow.map_or(Timestamp::MAX, |day| day.timestamp())
}

/// How long to wait, and a little longer, so that the day has begun for certain.
fn wait(now: Timestamp, next: Timestamp) -> Duration {
    let left = Duration::try_from(next.duration_since(now)).unwrap_or_default();
    (left + Duration::from_millis(10)).min(LONGEST_WAIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_day_begins_at_midnight_in_utc() {
        for (now, next) in [
            ("2026-11-23T09:20:00Z", "2026-11-24T00:00:00Z"),
            ("2026-12-31T23:59:59.999Z", "2027-01-01T00:00:00Z"),
            ("2028-02-28T00:00:00Z", "2028-02-29T00:00:00Z"),
        ] {
            assert_eq!(next_day(moment(now)), moment(next), "{now}");
        }
    }

    #[test]
    fn no_retry_waits_for_days() {
        let midnight = moment("2026-11-24T00:00:00Z");
        assert_eq!(wait(moment("2026-11-23T09:20:00Z"), midnight), LONGEST_WAIT);
        assert_eq!(wait(moment("2026-11-23T23:59:59Z"), midnight), Duration::from_millis(1010));
        assert_eq!(wait(moment("2026-11-24T00:00:01Z"), midnight), Duration::from_millis(10));
    }
}
