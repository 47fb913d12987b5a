//! `hemvist explain`.

use std::fmt::Write;

use hemvist_api::condition::Reason;
use hemvist_core::rules::{self, Found, Rule, explanation};

use crate::outcome::{Exit, Outcome};

/// Says what a reason or a rule means; without one, lists all reasons.
pub fn explain(word: Option<&str>) -> Outcome {
    let Some(word) = word else { return Outcome::result(list()) };
    let is_named = |name: &str| name.eq_ignore_ascii_case(word);
    if let Some(reason) = Reason::ALL.iter().find(|reason| is_named(reason.as_str())) {
        return Outcome::result(of_reason(*reason));
    }
    match rules::all().find(|rule| is_named(rule.code)) {
        Some(rule) => Outcome::result(of_rule(rule)),
        None => Outcome::failure(Exit::Usage, unknown(word)),
    }
}

fn list() -> String {
    let width = Reason::ALL.iter().map(|reason| reason.as_str().len()).max().unwrap_or_default();
    let mut text = String::new();
    for reason in Reason::ALL {
        let meaning = explanation(*reason).map_or("", |explanation| explanation.meaning);
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{:width$}  {meaning}", reason.as_str());
    }
    text
}

/// What a reason means, and the messages of its rules.
fn of_reason(reason: Reason) -> String {
    let (meaning, advice) = explanation(reason).map_or(("", ""), |found| (found.meaning, found.advice));
    let advice = if advice.is_empty() { "Nothing." } else { advice };
    let mut text = format!("{reason}\n\n{meaning}\n\nWhat to do: {advice}\n");
    let rules: Vec<_> = rules::of_models().filter(|rule| rule.reasons.contains(&reason)).collect();
    if !rules.is_empty() {
        text += "\nRules:\n";
    }
    for rule in rules {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {}: {}.", rule.code, rule.fault);
    }
    text
}

/// What a rule says, why it exists, and who finds that it is broken.
fn of_rule(rule: &Rule) -> String {
    let Rule { code, fields, fault, help, purpose, .. } = rule;
    let fields = if fields.is_empty() { "the object as a whole".to_owned() } else { fields.join(", ") };
    let help = if help.is_empty() { "Nothing." } else { help };
    let found = match rule.found {
        Found::Everywhere => "the API server, the controller and `hemvist check`.".to_owned(),
        Found::CoreAlone(why) => {
            format!("the controller and `hemvist check`. {why}")
        }
        Found::ServerAlone => "the API server.".to_owned(),
    };
    format!(
        "{code}\n\n{purpose}\n\nField: {fields}\nMessage: {fault}.\nWhat to do: {help}\nFound by: {found}\n"
    )
}

/// That no reason or rule is called so, with those that could have been meant.
fn unknown(word: &str) -> String {
    let word_lower = word.to_lowercase();
    let similar = |name: &&str| {
        let name = name.to_lowercase();
        name.contains(&word_lower) || word_lower.contains(&name)
    };
    let reasons = Reason::ALL.iter().map(|reason| reason.as_str());
    let mut names: Vec<&str> = Vec::new();
    for name in reasons.chain(rules::all().map(|rule| rule.code)).filter(similar) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let hint = if names.is_empty() || word.is_empty() {
        "Run `hemvist explain` for the list.".to_owned()
    } else {
        format!("Did you mean {}?", names.join(", "))
    };
    format!("error: unknown reason {word:?}. {hint}\n")
}
