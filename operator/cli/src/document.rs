//! The documents of a text. Each is read on its own, so that a fault in one does not hide the others.

use serde_saphyr::{RenderOptions, UserMessageFormatter};

use crate::located::{Located, Position};

/// A document as it could be read.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// Its number in the text, from 1.
    pub number: usize,
    /// What it holds, or why it cannot be read.
    pub content: Result<Located, SyntaxError>,
}

/// Why a document cannot be read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SyntaxError {
    /// Where the fault is.
    pub position: Position,
    /// What it is.
    pub message: String,
}

/// The documents of a text in order; those without content are numbered and left out.
pub fn documents(text: &str) -> Vec<Document> {
    let parts = parts(text.strip_prefix('\u{feff}').unwrap_or(text));
    let numbered = parts.into_iter().enumerate();
    numbered.flat_map(|(index, (line, part))| read(index + 1, line, part)).collect()
}

/// The parts of a text between markers, each with the number of lines before it. A line that starts with `---` is a marker
/// wherever it stands: YAML lets no scalar hold such a line. Comments before the first marker are no part.
fn parts(text: &str) -> Vec<(u64, &str)> {
    let mut parts = Vec::new();
    let (mut start, mut start_line, mut offset) = (0, 0, 0);
    for (line, content) in (0_u64..).zip(text.split_inclusive('\n')) {
        if offset > start && is_marker(content) {
            parts.push((start_line, &text[start..offset]));
            (start, start_line) = (offset, line);
        }
        offset += content.len();
    }
    parts.push((start_line, &text[start..]));
    if parts.len() > 1 && parts.first().is_some_and(|(_, part)| is_preamble(part)) {
        parts.remove(0);
    }
    parts
}

fn is_marker(line: &str) -> bool {
    line.strip_prefix("---").is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']))
}

/// Whether there is nothing but comments, directives and empty lines.
fn is_preamble(part: &str) -> bool {
    part.lines()
        .all(|line| line.trim().is_empty() || line.trim_start().starts_with('#') || line.starts_with('%'))
}

fn read(number: usize, lines_before: u64, part: &str) -> Vec<Document> {
    // What kubectl reads: numbers with a leading zero are octal. The budget is for the nodes and pods of a large cluster;
    // the limits to aliases stay.
    let options = serde_saphyr::options! {
        legacy_octal_numbers: true,
        with_snippet: false,
        budget: serde_saphyr::budget! { max_events: 20_000_000, max_nodes: 10_000_000 },
    };
    match serde_saphyr::from_multiple_with_options::<Located>(part, options) {
        Ok(roots) => roots
            .into_iter()
            .map(|mut root| {
                root.shift(lines_before);
                Document { number, content: Ok(root) }
            })
            .collect(),
        Err(error) => {
            let mut position = error.location().map_or_else(Position::default, Position::from);
            if position.line > 0 {
                position.line += lines_before;
            }
            let message = message(&error, lines_before, position);
            vec![Document { number, content: Err(SyntaxError { position, message }) }]
        }
    }
}

/// What the fault is, on one line and without its place, which is told apart.
fn message(error: &serde_saphyr::Error, lines_before: u64, position: Position) -> String {
    let mut rendering = RenderOptions::new(&UserMessageFormatter);
    rendering.line_offset = lines_before;
    let text = error.without_snippet().render_with_options(rendering);
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let Position { line, column } = position;
    text.strip_suffix(&format!(" at line {line}, column {column}")).map_or(text.clone(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(text: &str) -> Vec<(usize, u64)> {
        documents(text)
            .into_iter()
            .map(|document| match document.content {
                Ok(root) => (document.number, root.position.line),
                Err(error) => (document.number, 1000 + error.position.line),
            })
            .collect()
    }

    #[test]
    fn documents_are_numbered_and_keep_their_lines() {
        for (text, wanted) in [
            ("", vec![]),
            ("# nothing\n", vec![]),
            ("a: 1\n", vec![(1, 1)]),
            ("# note\n---\na: 1\n", vec![(1, 3)]),
            ("%YAML 1.2\n---\na: 1\n", vec![(1, 3)]),
            ("---\na: 1\n---\n# empty\n---\nb: 2\n", vec![(1, 2), (3, 6)]),
            ("a: 1\r\n---\r\nb: 2\r\n", vec![(1, 1), (2, 3)]),
            ("a: |\n  --- not a marker\n  x\n--- # marker\nb: 2", vec![(1, 1), (2, 5)]),
            ("a: 1\n---\nb: [\n---\nc: 3\n", vec![(1, 1), (2, 1003), (3, 5)]),
            ("\u{feff}a: 1\n", vec![(1, 1)]),
            ("{\n\t\"a\": [1, 2],\n\t\"b\": \"x\\/y\"\n}\n", vec![(1, 1)]),
        ] {
            assert_eq!(shape(text), wanted, "{text:?}");
        }
    }

    #[test]
    fn numbers_and_booleans_are_read_as_kubernetes_reads_them() {
        let read = documents("a: 0644\nb: yes\nc: 0o17\nd: \"0644\"\ne: ~\nf: 1.5\n");
        let value = read[0].content.as_ref().unwrap().value();
        assert_eq!(
            value,
            serde_json::json!({"a": 420, "b": true, "c": 15, "d": "0644", "e": null, "f": 1.5})
        );
    }

    #[test]
    fn a_key_that_stands_twice_is_a_fault() {
        let read = documents("a: 1\n---\nb: 1\nc: 2\nb: 3\n");
        let error = read[1].content.as_ref().unwrap_err();
        assert_eq!((read[1].number, error.position.line), (2, 5));
        assert!(error.message.contains('b'), "{}", error.message);
    }
}
