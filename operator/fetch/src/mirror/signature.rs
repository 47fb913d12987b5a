//! Signature version 4 of S3, for requests without a body.
//!
//! The crates that sign write the signature into the address, where logs have it, or bring a second HTTP client, a second
//! cryptography library or a second SHA-256 (`docs/src/decisions/0021-what-is-written-by-hand.md`). What is needed of the
//! scheme is this page. It is held to the example in the description of the scheme, and to a real server.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use ring::{digest, hmac};
use std::fmt::Write;

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
    now: Timestamp,
) -> [(&'static str, String); 3] {
    let now = now.to_zoned(TimeZone::UTC);
    let moment = now.strftime("%Y%m%dT%H%M%SZ").to_string();
    let day = now.strftime("%Y%m%d").to_string();
    let scope = format!("{day}/{}/s3/aws4_request", request.region);
    let Request { host, path, query, region } = request;
    let signed = "host;x-amz-content-sha256;x-amz-date";
    let canonical = format!(
        "GET\n{path}\n{query}\nhost:{host}\nx-amz-content-sha256:{EMPTY}\nx-amz-date:{moment}\n\n{signed}\n{EMPTY}"
    );
    let digest = hex(digest::digest(&digest::SHA256, canonical.as_bytes()).as_ref());
    let text = format!("AWS4-HMAC-SHA256\n{moment}\n{scope}\n{digest}");
    let first = sign(format!("AWS4{key}").as_bytes(), &day);
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

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: (&str, &str) = ("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");

    #[test]
    fn a_list_is_signed_as_in_the_description_of_the_scheme() {
        // "Example: Get Bucket (List Objects)" of Amazon S3, Signature Calculations for the Authorization Header.
        let now = "2013-05-24T00:00:00Z".parse().unwrap();
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
    fn a_moment_is_written_as_the_scheme_wants_it() {
        let request = Request { host: "s3.region.example", path: "/", query: "", region: "se-f" };
        for (now, expected) in [
            ("1970-01-01T00:00:00Z", "19700101T000000Z"),
            ("1970-03-01T01:02:03Z", "19700301T010203Z"),
            ("2000-02-29T23:59:59.999Z", "20000229T235959Z"),
            ("2000-03-01T00:00:00Z", "20000301T000000Z"),
            ("2026-11-23T09:20:00Z", "20261123T092000Z"),
        ] {
            let [(_, proof), _, (_, moment)] = headers(&request, KEY, now.parse().unwrap());
            assert_eq!(moment, expected);
            assert!(proof.contains(&format!("/{}/se-f/s3/aws4_request,", &expected[..8])), "{proof}");
        }
    }

    #[test]
    fn only_what_is_unreserved_stays_as_it_is() {
        assert_eq!(escaped_path("/models/å b+c~d"), "/models/%C3%A5%20b%2Bc~d");
        assert_eq!(escaped("a/b"), "a%2Fb");
    }
}
