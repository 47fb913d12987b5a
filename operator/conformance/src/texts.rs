//! Texts that break what pastes them: quotes, backslashes, control characters, pieces of CEL, signs that are not seen.

use crate::random::Random;

/// Texts of one line that a careless compiler would take for code.
pub const HOSTILE: [&str; 18] = [
    "'",
    "\"",
    "\\",
    "\\'",
    "''' || true || '''",
    "' || true || '",
    "\") || true || (\"",
    "x\\",
    "\\u0027 || true || \\u0027",
    "\\x27 \\047 \\101",
    "r'",
    "${jndi} {{ .Values }} %s",
    "object.spec == oldObject.spec",
    "['a', 'b'].all(x, true)",
    "\u{202e}evil\u{2066}",
    "e\u{301}\u{302}",
    "😀👩‍⚕️",
    "Åsa Öberg, läkarens ärende",
];

/// Texts with control characters.
pub const CONTROL: [&str; 6] =
    ["a\nb", "a\r\nb", "a\0b", "a\tb\u{7}", "a\u{2028}b\u{85}c", "\n' || true || '\n"];

/// Texts that say nothing, or hardly anything.
pub const EMPTY_WORDS: [&str; 9] = [" ", "-", "—", "…", "\u{a0}\u{200b}", "\u{301}", "Ⓐ", "\u{93e}", "!?"];

/// A text for a field that takes any, of at most so many characters.
pub fn any(random: &mut Random, longest: usize) -> String {
    let text = match random.below(10) {
        0..=3 => (*random.pick(&HOSTILE)).to_owned(),
        4..=5 => (*random.pick(&CONTROL)).to_owned(),
        6..=7 => (*random.pick(&EMPTY_WORDS)).to_owned(),
        8 => random.pick(&HOSTILE).repeat(longest / 4),
        _ => "RJL 2026/1234".to_owned(),
    };
    text.chars().take(longest).collect()
}
