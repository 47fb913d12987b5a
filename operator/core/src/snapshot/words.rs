//! Texts of others, made short enough for status.

/// The longest text of others that is carried into status, in characters.
const MAX_CHARS: usize = 256;

/// How much of a text that is too long is kept of its beginning. What fails names its cause last, so the end gets the rest.
const BEGINNING: usize = 64;

/// The text in one line of at most 256 characters, of which both ends are kept.
pub(super) fn shortened(text: &str) -> String {
    let line = one_line(text);
    let length = line.chars().count();
    if length <= MAX_CHARS {
        return line;
    }
    let beginning: String = line.chars().take(BEGINNING).collect();
    let end: String = line.chars().skip(length - (MAX_CHARS - BEGINNING - 1)).collect();
    format!("{beginning}…{end}")
}

/// The end of the text, in one line of at most 256 characters.
pub(super) fn ending(text: &str) -> String {
    let line = one_line(text);
    let length = line.chars().count();
    if length <= MAX_CHARS {
        return line;
    }
    let end: String = line.chars().skip(length - (MAX_CHARS - 1)).collect();
    format!("…{end}")
}

/// Without line breaks, and without what a terminal would take for a command.
fn one_line(text: &str) -> String {
    let visible: String = text.chars().map(|one| if one.is_control() { ' ' } else { one }).collect();
    visible.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cause_at_the_end_stays() {
        let text = format!("failed to pull \"å{}\":\n\tdial tcp: no such host\u{1b}", "x".repeat(300));
        for (short, beginning) in [(shortened(&text), "failed to pull"), (ending(&text), "…xxx")] {
            assert_eq!(short.chars().count(), MAX_CHARS);
            assert!(short.starts_with(beginning), "{short}");
            assert!(short.ends_with("x\": dial tcp: no such host"), "{short}");
        }
        assert_eq!(shortened("a  b\n"), "a b");
        assert_eq!(ending(&"å".repeat(MAX_CHARS)), "å".repeat(MAX_CHARS));
    }
}
