//! Calendar dates as they stand in the objects.
//!
//! A day is a day in UTC. The civil day of Sweden would need a time zone database, which an isolated machine may not
//! have; the difference is that a change of day is seen one or two hours late.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Span;
use k8s_openapi::jiff::civil::Date;
use k8s_openapi::jiff::tz::Offset;

/// The date in `text`, written `YYYY-MM-DD`; `None` for every other spelling and for days that no calendar has.
pub fn parse(text: &str) -> Option<Date> {
    // The parser takes other spellings too, and years of more digits.
    let date: Date = text.parse().ok()?;
    (text.len() == 10 && date.to_string() == text).then_some(date)
}

/// The day in UTC that `moment` falls on.
pub fn today(moment: &Time) -> Date {
    Offset::UTC.to_datetime(moment.0).date()
}

/// Days from `from` to `to`; negative where `to` comes first.
pub fn days_between(from: Date, to: Date) -> i64 {
    to.duration_since(from).as_hours() / 24
}

/// The day that is `days` days after `day`, or before it where `days` is negative. The calendar's last day and its first
/// stand in for those beyond.
pub fn days_after(day: Date, days: i64) -> Date {
    let beyond = if days < 0 { Date::MIN } else { Date::MAX };
    let span = Span::new().try_days(days);
    span.and_then(|span| day.checked_add(span)).unwrap_or(beyond)
}

/// Midnight in UTC with which `day` begins.
///
/// `None` for the days beyond the end of time as Kubernetes writes it.
pub fn midnight(day: Date) -> Option<Time> {
    Offset::UTC.to_timestamp(day.at(0, 0, 0, 0)).ok().map(Time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_real_days_in_one_spelling_are_dates() {
        for (text, real) in [
            ("2026-05-02", true),
            ("2024-02-29", true),
            ("2026-02-29", false),
            ("2026-13-01", false),
            ("2026-00-10", false),
            ("2026-5-2", false),
            ("26-05-02", false),
            ("2026-05-02T00:00:00Z", false),
            ("+026-05-02", false),
            (" 2026-05-02", false),
            ("2026-05-02-", false),
            ("２０２６-05-02", false),
            ("", false),
        ] {
            assert_eq!(parse(text).is_some(), real, "{text}");
        }
    }

    #[test]
    fn days_are_counted_across_years_and_backwards() {
        let day = |text: &str| parse(text).unwrap();
        assert_eq!(days_between(day("2026-12-31"), day("2027-01-01")), 1);
        assert_eq!(days_between(day("2024-01-01"), day("2025-01-01")), 366);
        assert_eq!(days_between(day("2026-05-02"), day("2026-05-01")), -1);
        assert_eq!(days_between(day("0000-01-01"), day("9999-12-31")), 3_652_424);
    }

    #[test]
    fn days_are_added_up_to_the_ends_of_the_calendar() {
        let day = |text: &str| parse(text).unwrap();
        assert_eq!(days_after(day("2026-12-31"), 1), day("2027-01-01"));
        assert_eq!(days_after(day("2027-01-01"), -31), day("2026-12-01"));
        assert_eq!(days_after(day("9999-12-31"), 1), Date::MAX);
        assert_eq!(days_after(day("9999-12-31"), i64::MAX), Date::MAX);
        assert_eq!(days_after(day("0000-01-01"), i64::MIN), Date::MIN);
        assert_eq!(midnight(day("2026-05-02")), Some(Time("2026-05-02T00:00:00Z".parse().unwrap())));
    }

    #[test]
    fn a_day_is_a_day_in_utc() {
        let moment = Time("2026-05-02T23:59:59Z".parse().unwrap());
        assert_eq!(today(&moment), parse("2026-05-02").unwrap());
    }
}
