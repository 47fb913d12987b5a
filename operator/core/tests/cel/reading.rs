//! Expressions, read by a parser that is not ours, and taken apart into shape and texts.

use cel::common::ast::{EntryExpr, Expr as Read, IdedExpr, LiteralValue};
use cel::parser::{Parser, PrattParser};
use hemvist_core::admission::cel::Expr;

/// The operator of a field that may be absent. Its second argument is the name of the field, not a text.
const OPTIONAL_FIELD: &str = "_?._";

/// How deep the parsers may go; how deep they went is judged by the test.
const DEPTH: u16 = 2000;

/// What stands in an expression.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Reading {
    /// Everything but the texts, in order.
    pub shape: String,
    /// The texts, in order.
    pub texts: Vec<String>,
    /// How deep it is nested.
    pub depth: usize,
}

/// Reads an expression.
pub fn read(expression: &str) -> Result<Reading, String> {
    let parser = PrattParser::new().enable_optional_syntax(true).max_recursion_depth(DEPTH);
    parser.parse(expression).map(|parsed| Reading::of(&parsed)).map_err(|error| error.to_string())
}

/// Reads an expression by the grammar of the language itself, which takes a hundred times as long.
pub fn read_by_grammar(expression: &str) -> Result<Reading, String> {
    let parser = Parser::new().enable_optional_syntax(true).max_recursion_depth(DEPTH);
    parser.parse(expression).map(|parsed| Reading::of(&parsed)).map_err(|error| error.to_string())
}

impl Reading {
    fn of(parsed: &IdedExpr) -> Self {
        let mut reading = Self::default();
        reading.walk(parsed, 1);
        reading
    }

    fn say(&mut self, words: &str) {
        self.shape.push_str(words);
        self.shape.push(' ');
    }

    fn walk_all<'a>(&mut self, parts: impl IntoIterator<Item = &'a IdedExpr>, depth: usize) {
        parts.into_iter().for_each(|part| self.walk(part, depth + 1));
        self.say("end");
    }

    fn walk(&mut self, read: &IdedExpr, depth: usize) {
        self.depth = self.depth.max(depth);
        match &read.expr {
            Read::Unspecified => self.say("unspecified"),
            Read::Ident(name) => self.say(name),
            Read::Literal(LiteralValue::String(text)) => {
                self.say("text");
                self.texts.push(text.inner().to_owned());
            }
            Read::Literal(other) => self.say(&format!("{other:?}")),
            Read::Call(call) if call.func_name == OPTIONAL_FIELD => {
                self.say(OPTIONAL_FIELD);
                let name = call.args.get(1).map(|name| format!("{:?}", name.expr));
                self.say(&name.unwrap_or_default());
                self.walk_all(call.args.first(), depth);
            }
            Read::Call(call) => {
                self.say(&call.func_name);
                self.walk_all(call.target.as_deref().into_iter().chain(&call.args), depth);
            }
            Read::Comprehension(macro_) => {
                self.say(&format!("each {} {:?} {}", macro_.iter_var, macro_.iter_var2, macro_.accu_var));
                let parts = [
                    &macro_.iter_range,
                    &macro_.accu_init,
                    &macro_.loop_cond,
                    &macro_.loop_step,
                    &macro_.result,
                ];
                self.walk_all(parts, depth);
            }
            Read::List(list) => {
                self.say(&format!("list {:?}", list.optional_indices));
                // How many texts a list has depends on the texts: an entry that no image can be below is left out. Which
                // texts they are is looked at apart.
                let before = self.shape.len();
                self.walk_all(&list.elements, depth);
                if list.elements.iter().all(is_text) {
                    self.shape.truncate(before);
                    self.say("texts");
                }
            }
            Read::Map(map) => {
                self.say("map");
                for entry in &map.entries {
                    match &entry.expr {
                        EntryExpr::MapEntry(entry) => self.walk_all([&entry.key, &entry.value], depth),
                        EntryExpr::StructField(field) => self.say(&format!("field {field:?}")),
                    }
                }
            }
            Read::Select(select) => {
                self.say(&format!("{}{}", select.field, if select.test { "?" } else { "" }));
                self.walk_all([&*select.operand], depth);
            }
            Read::Struct(made) => self.say(&format!("struct {made:?}")),
        }
    }
}

/// The texts of a tree, in the order in which they are written.
pub fn texts(expr: &Expr) -> Vec<String> {
    match expr {
        Expr::Text(text) => vec![text.clone()],
        Expr::Bool(_) | Expr::Int(_) | Expr::Name(_) => Vec::new(),
        Expr::List(parts) | Expr::All(parts) | Expr::Any(parts) => parts.iter().flat_map(texts).collect(),
        Expr::Map(entries) => {
            entries.iter().flat_map(|(key, value)| [vec![(*key).to_owned()], texts(value)].concat()).collect()
        }
        Expr::Field { of, .. } => texts(of),
        Expr::Item { of, key, .. } => [texts(of), texts(key)].concat(),
        Expr::Call { on, arguments, .. } => {
            on.iter().flat_map(|on| texts(on)).chain(arguments.iter().flat_map(texts)).collect()
        }
        Expr::Each { of, body, .. } => [texts(of), texts(body)].concat(),
        Expr::Not(inner) => texts(inner),
        Expr::Compare { left, right, .. } => [texts(left), texts(right)].concat(),
        Expr::Choice { condition, then, otherwise } => {
            [texts(condition), texts(then), texts(otherwise)].concat()
        }
    }
}

/// The tree with other texts.
pub fn with_texts(expr: &Expr, other: &mut impl FnMut(&str) -> String) -> Expr {
    let mut boxed = |expr: &Expr| Box::new(with_texts(expr, other));
    match expr {
        Expr::Text(text) => Expr::Text(other(text)),
        Expr::Bool(_) | Expr::Int(_) | Expr::Name(_) => expr.clone(),
        Expr::List(parts) => Expr::List(parts.iter().map(|part| with_texts(part, other)).collect()),
        Expr::All(parts) => Expr::All(parts.iter().map(|part| with_texts(part, other)).collect()),
        Expr::Any(parts) => Expr::Any(parts.iter().map(|part| with_texts(part, other)).collect()),
        Expr::Map(entries) => {
            Expr::Map(entries.iter().map(|(key, value)| (*key, with_texts(value, other))).collect())
        }
        Expr::Field { of, name, optional } => Expr::Field { of: boxed(of), name, optional: *optional },
        Expr::Item { of, key, optional } => {
            Expr::Item { of: boxed(of), key: boxed(key), optional: *optional }
        }
        Expr::Call { on, function, arguments } => Expr::Call {
            on: on.as_deref().map(boxed),
            function,
            arguments: arguments.iter().map(|argument| with_texts(argument, other)).collect(),
        },
        Expr::Each { of, quantifier, variable, body } => {
            Expr::Each { of: boxed(of), quantifier: *quantifier, variable, body: boxed(body) }
        }
        Expr::Not(inner) => Expr::Not(boxed(inner)),
        Expr::Compare { left, operator, right } => {
            Expr::Compare { left: boxed(left), operator: *operator, right: boxed(right) }
        }
        Expr::Choice { condition, then, otherwise } => {
            Expr::Choice { condition: boxed(condition), then: boxed(then), otherwise: boxed(otherwise) }
        }
    }
}

fn is_text(read: &IdedExpr) -> bool {
    matches!(&read.expr, Read::Literal(LiteralValue::String(_)))
}
