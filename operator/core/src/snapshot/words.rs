//! Shortens messages of other programs for status.

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

/// Without line breaks, without what a terminal would take for a command, and without what is another one each time.
fn one_line(text: &str) -> String {
    let visible: String = text.chars().map(|one| if one.is_control() { ' ' } else { one }).collect();
    visible.split_whitespace().filter(|word| !is_time(word)).map(lasting).collect::<Vec<_>>().join(" ")
}

/// Whether a word of a log says when its line was written: a day, a time of the day, or the time since the program began as
/// llama.cpp writes it, `0.00.014.906`.
fn is_time(word: &str) -> bool {
    let word = word.trim_matches(|sign| matches!(sign, '[' | ']' | '(' | ')' | ','));
    let shape: String = word.chars().map(|one| if one.is_ascii_digit() { '0' } else { one }).collect();
    shape == "00-00"
        || ["00:00:00", "0000-00-00"].iter().any(|beginning| shape.starts_with(beginning))
        || shape
            .strip_suffix(".00.000.000")
            .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|one| one == b'0'))
}

/// A connection is named by both its ends, `10.0.0.1:48371->10.0.0.2:53`, and the port of the first is any that was free.
fn lasting(word: &str) -> &str {
    let is_port = |port: &str| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    match word.split_once("->") {
        Some((from, to)) if from.rsplit(':').next().is_some_and(is_port) => to,
        _ => word,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_is_another_one_each_time_is_left_out() {
        let stable =
            |port: u16| shortened(&format!("lookup x: read udp [::1]:{port}->[::1]:53: read: refused"));
        assert_eq!(stable(48371), "lookup x: read udp [::1]:53: read: refused");
        assert_eq!(stable(48371), stable(55233));
        assert_eq!(shortened("a -> b c->d"), "a -> b c->d");
    }

    #[test]
    fn when_a_line_of_a_log_was_written_is_left_out() {
        for line in [
            "0.00.014.906 E failed",
            "12.00.014.906 E failed",
            "2026-11-23T15:50:56.123Z E failed",
            "2026-11-23 15:50:56,123 E failed",
            "[2026-11-23 15:50:56] E failed",
            "11-23 15:50:56 E failed",
        ] {
            assert_eq!(ending(line), "E failed", "{line}");
        }
        for line in ["at 127.0.0.1:8000", "vllm 0.33.0", "tried 3 times in 10.5 s", "parts 1-3"] {
            assert_eq!(ending(line), line, "{line}");
        }
    }

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
