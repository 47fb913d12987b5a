//! Signature version 4 of S3, for requests without a body.
//!
//! The crates that sign bring a second HTTP client, a second cryptography library or a second SHA-256; what is needed of
//! the scheme is this page. It is held to the example in the description of the scheme, and to a real server.

use std::fmt::Write;
use std::time::SystemTime;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use ring::{digest, hmac};

/// What stays as it is in a path and in a query.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const PATH: &AsciiSet = &UNRESERVED.remove(b'/');

/// SHA-256 of no content.
const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// A request to be signed.
pub struct Request<'a> {
    /// The host, with its port where it is not the usual one.
    pub host: &'a str,
    /// The path, as it is sent.
    pub path: &'a str,
    /// The query, as it is sent: its parameters in order of their names.
    pub query: &'a str,
    /// The region of the store.
    pub region: &'a str,
}

/// A path with everything escaped that has to be.
pub fn escaped_path(path: &str) -> String {
    utf8_percent_encode(path, PATH).to_string()
}

/// A value of a query with everything escaped that has to be.
pub fn escaped(value: &str) -> String {
    utf8_percent_encode(value, UNRESERVED).to_string()
}

/// The headers that prove that whoever has `key` sends `request` now.
pub fn headers(
    request: &Request<'_>,
    (name, key): (&str, &str),
    now: SystemTime,
) -> [(&'static str, String); 3] {
    let moment = moment(now);
    let day = &moment[..8];
    let scope = format!("{day}/{}/s3/aws4_request", request.region);
    let Request { host, path, query, region } = request;
    let signed = "host;x-amz-content-sha256;x-amz-date";
    let canonical = format!(
        "GET\n{path}\n{query}\nhost:{host}\nx-amz-content-sha256:{EMPTY}\nx-amz-date:{moment}\n\n{signed}\n{EMPTY}"
    );
    let digest = hex(digest::digest(&digest::SHA256, canonical.as_bytes()).as_ref());
    let text = format!("AWS4-HMAC-SHA256\n{moment}\n{scope}\n{digest}");
    let first = sign(format!("AWS4{key}").as_bytes(), day);
    let last = [region, "s3", "aws4_request"].iter().fold(first, |key, part| sign(key.as_ref(), part));
    let signature = hex(sign(last.as_ref(), &text).as_ref());
    let proof =
        format!("AWS4-HMAC-SHA256 Credential={name}/{scope},SignedHeaders={signed},Signature={signature}");
    [("authorization", proof), ("x-amz-content-sha256", EMPTY.to_owned()), ("x-amz-date", moment)]
}

fn sign(key: &[u8], text: &str) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A moment as `20130524T000000Z`.
fn moment(now: SystemTime) -> String {
    const DAY: u64 = 86_400;
    let seconds = now.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let (year, month, day) = civil(seconds / DAY);
    let rest = seconds % DAY;
    format!("{year:04}{month:02}{day:02}T{:02}{:02}{:02}Z", rest / 3600, rest / 60 % 60, rest % 60)
}

/// The date that is so many days after the first of January 1970. Years are reckoned from March, so that the day that
/// leap years have is the last of them.
const fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (year + era * 400 + if month <= 2 { 1 } else { 0 }, month, day)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const KEY: (&str, &str) = ("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");

    #[test]
    fn a_list_is_signed_as_in_the_description_of_the_scheme() {
        // "Example: Get Bucket (List Objects)" of Amazon S3, Signature Calculations for the Authorization Header.
        let now = SystemTime::UNIX_EPOCH + Duration::from_hours(380_376);
        let request = Request {
            host: "examplebucket.s3.amazonaws.com",
            path: "/",
            query: "max-keys=2&prefix=J",
            region: "us-east-1",
        };
        let [(_, proof), _, (_, moment)] = headers(&request, KEY, now);
        assert_eq!(moment, "20130524T000000Z");
        let expected = "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7";
        assert!(proof.ends_with(expected), "{proof}");
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (days, expected) in [
            (0, (1970, 1, 1)),
            (59, (1970, 3, 1)),
            (11_016, (2000, 2, 29)),
            (11_017, (2000, 3, 1)),
            (20_780, (2026, 11, 23)),
        ] {
            assert_eq!(civil(days), expected);
        }
    }

    #[test]
    fn only_what_is_unreserved_stays_as_it_is() {
        assert_eq!(escaped_path("/models/å b+c~d"), "/models/%C3%A5%20b%2Bc~d");
        assert_eq!(escaped("a/b"), "a%2Fb");
    }
}
