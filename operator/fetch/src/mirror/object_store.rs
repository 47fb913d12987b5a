//! An S3-compatible object store, asked with two kinds of request: lists of version 2, and objects.

use hemvist_api::condition::Reason;
use jiff::Timestamp;
use quick_xml::Reader;
use quick_xml::events::Event;
use ureq::Agent;

use super::http::{self, Credentials, Endpoint, Trust};
use super::signature::{Request, escaped, escaped_path, headers};
use super::{Content, Mirror};
use crate::listing::{Entry, MOST_FILES, Surplus};
use crate::outcome::Failure;

/// Weights as objects of a bucket whose keys begin with a prefix.
pub struct ObjectStore {
    agent: Agent,
    endpoint: Endpoint,
    region: String,
    bucket: String,
    /// With a `/` at its end, or empty.
    prefix: String,
    credentials: Credentials,
}

impl ObjectStore {
    /// The objects of `bucket` whose keys begin with `prefix` and a `/`.
    pub fn new(
        endpoint: Endpoint,
        trust: Trust,
        credentials: Credentials,
        region: String,
        bucket: String,
        prefix: &str,
    ) -> Self {
        let prefix = match prefix.trim_matches('/') {
            "" => String::new(),
            prefix => format!("{prefix}/"),
        };
        Self { agent: http::agent(trust), endpoint, region, bucket, prefix, credentials }
    }

    fn get(
        &self,
        path: &str,
        query: &str,
        more: &[(&str, String)],
    ) -> Result<ureq::http::Response<ureq::Body>, ureq::Error> {
        let address = if query.is_empty() {
            format!("{}{path}", self.endpoint)
        } else {
            format!("{}{path}?{query}", self.endpoint)
        };
        let mut request = self.agent.get(address);
        if let Some((name, key)) = &self.credentials.key {
            let signed = Request { host: self.endpoint.authority(), path, query, region: &self.region };
            for (header, value) in headers(&signed, (name, key), Timestamp::now()) {
                request = request.header(header, value);
            }
        }
        more.iter().fold(request, |request, (header, value)| request.header(*header, value)).call()
    }

    fn page(&self, after: Option<&str>) -> Result<Page, Failure> {
        let what = format!("the list of {}/{}/{}", self.endpoint, self.bucket, self.prefix);
        let mut query = String::new();
        if let Some(token) = after {
            query = format!("continuation-token={}&", escaped(token));
        }
        query = format!("{query}list-type=2&prefix={}", escaped(&self.prefix));
        let response = self.get(&escaped_path(&format!("/{}", self.bucket)), &query, &[]);
        let response = response.map_err(|error| http::unanswered(&what, &error))?;
        let text = http::text(&what, response, error_code)?;
        Page::read(&text).map_err(|error| {
            Failure::new(Reason::MirrorContentRefused, format!("{what} is not a list of objects: {error}"))
        })
    }

    fn entry(&self, object: Object) -> Result<Option<Entry>, Failure> {
        let Some(path) = object.key.strip_prefix(&self.prefix) else {
            let message = format!("the store lists {:?}, which was not requested", object.key);
            return Err(Failure::new(Reason::MirrorContentRefused, message));
        };
        // What some clients write to have a folder to show.
        if object.size == 0 && (path.is_empty() || path.ends_with('/')) {
            return Ok(None);
        }
        Ok(Some(Entry { path: path.to_owned(), size: object.size, version: object.etag }))
    }
}

impl Mirror for ObjectStore {
    fn list(&self) -> Result<Vec<Entry>, Failure> {
        let mut entries = Vec::new();
        let mut after = None;
        loop {
            let page = self.page(after.as_deref())?;
            for object in page.objects {
                entries.extend(self.entry(object)?);
            }
            // Beyond that the list is refused anyway.
            if page.next.is_none() || page.next == after || entries.len() > MOST_FILES {
                return Ok(entries);
            }
            after = page.next;
        }
    }

    fn open(&self, entry: &Entry, from: u64) -> Result<Content, Failure> {
        let path = escaped_path(&format!("/{}/{}{}", self.bucket, self.prefix, entry.path));
        let mut more = Vec::new();
        if from > 0 {
            more.push(("range", format!("bytes={from}-")));
        }
        if let Some(version) = &entry.version {
            more.push(("if-match", version.clone()));
        }
        let response = self.get(&path, "", &more).map_err(|error| http::unanswered(&entry.path, &error))?;
        http::content(entry, from, response)
    }

    fn surplus(&self) -> Surplus {
        Surplus::Refused
    }
}

/// One page of a list.
#[derive(Debug, Default, Eq, PartialEq)]
struct Page {
    objects: Vec<Object>,
    next: Option<String>,
}

#[derive(Clone, Debug, Default, Eq, PartialEq)]
struct Object {
    key: String,
    size: u64,
    etag: Option<String>,
}

impl Page {
    fn read(text: &str) -> Result<Self, String> {
        let mut reader = Reader::from_str(text);
        let mut page = Self::default();
        let mut object = Object::default();
        let mut within: Vec<String> = Vec::new();
        let mut value = String::new();
        loop {
            match reader.read_event().map_err(|error| error.to_string())? {
                Event::Start(element) => {
                    within.push(element.local_name().as_ref().to_owned());
                    value.clear();
                }
                Event::Text(part) => value.push_str(&part),
                Event::GeneralRef(reference) => value.push(character(&reference)?),
                Event::End(_) => {
                    let path: Vec<_> = within.iter().map(String::as_str).collect();
                    match path.as_slice() {
                        ["ListBucketResult", "NextContinuationToken"] => page.next = Some(value.clone()),
                        ["ListBucketResult", "Contents", "Key"] => object.key.clone_from(&value),
                        ["ListBucketResult", "Contents", "ETag"] => object.etag = Some(value.clone()),
                        ["ListBucketResult", "Contents", "Size"] => {
                            object.size = value.parse().map_err(|_| format!("{value:?} is not a size"))?;
                        }
                        ["ListBucketResult", "Contents"] => page.objects.push(std::mem::take(&mut object)),
                        ["ListBucketResult"] => return Ok(page),
                        _ => {}
                    }
                    within.pop();
                    value.clear();
                }
                Event::Eof => return Err("it is cut off".to_owned()),
                _ => {}
            }
        }
    }
}

/// The character that a reference such as `&quot;` stands for.
fn character(reference: &quick_xml::events::BytesRef<'_>) -> Result<char, String> {
    let number = reference.resolve_char_ref().map_err(|error| error.to_string())?;
    let name: &str = reference;
    match (number, name) {
        (Some(character), _) => Ok(character),
        (None, "quot") => Ok('"'),
        (None, "amp") => Ok('&'),
        (None, "apos") => Ok('\''),
        (None, "lt") => Ok('<'),
        (None, "gt") => Ok('>'),
        _ => Err(format!("it has the unknown entity {name}")),
    }
}

/// The code of an error, such as `NoSuchBucket`. What else the answer says may be about keys.
fn error_code(text: &str) -> String {
    let code =
        text.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>")).map(|(code, _)| code);
    let plain = |code: &&str| code.len() <= 64 && code.bytes().all(|letter| letter.is_ascii_alphanumeric());
    code.filter(plain).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read_with_its_references() {
        let text = r#"<?xml version="1.0" encoding="UTF-8"?>
            <ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>models</Name>
            <Contents><Key>m/a &amp; b.json</Key><Size>12</Size><ETag>&#34;abc&quot;</ETag><Owner><ID>x</ID></Owner></Contents>
            <Contents><Key>m/c.json</Key><Size>0</Size></Contents>
            <IsTruncated>true</IsTruncated><NextContinuationToken>n&lt;1</NextContinuationToken></ListBucketResult>"#;
        let page = Page::read(text).unwrap();
        let first = Object { key: "m/a & b.json".to_owned(), size: 12, etag: Some("\"abc\"".to_owned()) };
        assert_eq!(page.objects[0], first);
        assert_eq!(page.objects.len(), 2);
        assert_eq!(page.next.as_deref(), Some("n<1"));
    }

    #[test]
    fn a_list_that_breaks_off_is_none() {
        for text in
            ["", "<ListBucketResult>", "<html>hello</html>", "<ListBucketResult><Contents><Size>x</Size>"]
        {
            assert!(Page::read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn only_the_code_of_an_error_is_reported() {
        assert_eq!(error_code("<Error><Code>NoSuchBucket</Code><Key>secret</Key></Error>"), "NoSuchBucket");
        assert_eq!(error_code("<Error><Code>a b</Code></Error>"), "");
    }
}
