//! Templates of sentences, filled with facts.

use std::fmt::Display;

use hemvist_api::values::{AcceleratorVendor, AssessmentType, EngineType, Isolation, ModelFormat};

use super::list::{AllowList, Listed};

/// The most values that are listed in one sentence.
const MAX_LISTED: usize = 8;

/// A part of a template.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Piece {
    /// Words that are the same for every object.
    Words(&'static str),
    /// The fact of this name.
    Fact(&'static str),
}

/// The template `text` in pieces. `{name}` is a fact; a brace that is not closed stands for itself.
pub fn pieces(text: &'static str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((words, (fact, after))) =
        rest.split_once('{').and_then(|(words, behind)| Some((words, behind.split_once('}')?)))
    {
        pieces.extend([Piece::Words(words), Piece::Fact(fact)]);
        rest = after;
    }
    pieces.push(Piece::Words(rest));
    pieces.retain(|piece| *piece != Piece::Words(""));
    pieces
}

/// What can be a fact of a finding.
pub trait Fact {
    /// As it stands in a sentence.
    fn text(&self) -> String;
}

/// Declares that these are written in a sentence as they are displayed.
macro_rules! facts_as_displayed {
    ($($type:ty),+) => {
        $(impl Fact for $type {
            fn text(&self) -> String {
                self.to_string()
            }
        })+
    };
}

facts_as_displayed!(
    String,
    &'static str,
    i32,
    AcceleratorVendor,
    AssessmentType,
    EngineType,
    Isolation,
    ModelFormat
);

impl Fact for Vec<String> {
    fn text(&self) -> String {
        listing(self.iter(), "nothing")
    }
}

impl Fact for Listed {
    fn text(&self) -> String {
        self.0.text()
    }
}

impl Fact for AllowList {
    fn text(&self) -> String {
        self.noun().to_owned()
    }
}

/// The text in one line. The API server takes no message of several lines, and no warning with control characters.
pub(crate) fn one_line(text: &str) -> String {
    let breaks = |letter: char| letter.is_control() || matches!(letter, '\u{2028}' | '\u{2029}');
    text.replace(breaks, " ")
}

/// At most `longest` characters of `text`, with `…` at the end where it was cut.
pub(crate) fn shortened(text: &str, longest: usize) -> String {
    if text.chars().count() <= longest {
        return text.to_owned();
    }
    text.chars().take(longest.saturating_sub(1)).chain(['…']).collect()
}

/// The values with commas, `none` where there is none; of many, the first and the number of the others.
pub(crate) fn listing<T: Display>(values: impl ExactSizeIterator<Item = T>, none: &str) -> String {
    let count = values.len();
    if count == 0 {
        return none.to_owned();
    }
    let listed: Vec<String> = values.take(MAX_LISTED).map(|value| value.to_string()).collect();
    let more = match count.saturating_sub(MAX_LISTED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    listed.join(", ") + &more
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_stand_in_braces() {
        use Piece::{Fact, Words};
        assert_eq!(pieces("{a} is {b}."), [Fact("a"), Words(" is "), Fact("b"), Words(".")]);
        assert_eq!(pieces("no fact"), [Words("no fact")]);
        assert_eq!(pieces("open {brace"), [Words("open {brace")]);
        assert_eq!(pieces(""), []);
    }

    #[test]
    fn a_list_is_shortened_with_the_number_of_the_others() {
        assert_eq!(listing([1, 2].iter(), "nothing"), "1, 2");
        assert_eq!(
            listing((0..10).collect::<Vec<_>>().iter(), "nothing"),
            "0, 1, 2, 3, 4, 5, 6, 7 and 2 more"
        );
        assert_eq!(Vec::<String>::new().text(), "nothing");
    }

    #[test]
    fn control_characters_become_spaces() {
        assert_eq!(one_line("a\r\nb\u{2028}c\0d\u{85}e"), "a  b c d e");
    }
}
