//! The message for a refused argument: that no policy can allow it and what to do instead, or which policy would have to.

use hemvist_api::values::EngineType;

use super::cel::{Expr, all, call, name, text, texts};
use super::message::Message;
use crate::engine::{EngineDescription, REMOVE, description};
use crate::violation::{Finding, Violation};

/// The message for the argument `refused` of an engine of type `engine`; `unknown` is its violation where it is not reserved.
pub fn message(refused: &Expr, engine: &Expr, unknown: &Violation) -> Message {
    let argument = || name("n");
    let field = || text("spec.engine.args[name=").plus(argument()).plus(text("]"));
    let facts = || [("field", field()), ("argument", argument()), ("engine", engine.clone())];
    let reserved = Violation {
        finding: Finding::ArgumentReserved {
            argument: String::new(),
            engine: EngineType::Custom,
            way: String::new(),
        },
        ..unknown.clone()
    };
    let by_engine = |otherwise: Expr, of: &dyn Fn(&EngineDescription) -> Expr| {
        EngineType::ALL.iter().map(|engine| description(*engine)).fold(otherwise, |otherwise, one| {
            engine.clone().equals(text(one.engine.as_str())).choose(of(one), otherwise)
        })
    };
    let is_reserved = by_engine(Expr::Bool(false), &reserves);
    let [one, two, three] = facts();
    let of_reserved =
        Message::about(&reserved, [one, two, three, ("way", by_engine(text(REMOVE), &instead))]);
    let of_unknown = Message::about(unknown, facts());
    // The API server wants every value of a list to be of one type, which it does not know of fields.
    let refused = call("string", [refused.clone()]);
    Message::with("n", refused, &Message::choose(is_reserved, &of_reserved, &of_unknown))
}

/// What follows `prefix` in the name.
fn after(named: Expr, prefix: &str) -> Expr {
    named.call("substring", [Expr::Int(i64::try_from(prefix.len()).unwrap_or_default())])
}

/// The name without what turns a switch off.
fn plain() -> Expr {
    let begins = name("n").call("startsWith", [text("no-")]);
    begins.choose(after(name("n"), "no-"), name("n"))
}

/// Whether the engine reserves the argument, which is not in its list, as [`EngineDescription::reserves`] does.
fn reserves(engine: &EngineDescription) -> Expr {
    let b = || name("b");
    let begins = |prefix: &str| b().call("startsWith", [text(prefix)]);
    let other = |from: &str, to: &str| text(to).plus(after(b(), from));
    let opposite = begins("enable-").choose(
        other("enable-", "disable-"),
        begins("disable-").choose(other("disable-", "enable-"), text("")),
    );
    // One long text is read faster than a list of many: what begins a word of it begins a name.
    let names = text(format!(" {} ", engine.reserved.join(" ")));
    let end = if engine.abbreviates { "" } else { " " };
    let word = text(" ").plus(name("x")).plus(text(end));
    let is = all([name("x").differs(text("")), names.call("contains", [word])]);
    let both = Expr::List(vec![b(), opposite]).some("x", is);
    Expr::List(vec![plain()]).some("b", both)
}

/// What to do instead, as [`EngineDescription::instead_of`] says.
fn instead(engine: &EngineDescription) -> Expr {
    let names = engine.instead.iter().map(|(name, _)| *name);
    let sentences = engine.instead.iter().map(|(name, instead)| (*name, text(instead.sentence())));
    let known = Expr::Map(sentences.collect());
    plain().is_in(texts(names)).choose(known.item(plain()), text(REMOVE))
}
