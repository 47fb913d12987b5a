//! A value of YAML or JSON with the position of each of its parts.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use serde_saphyr::{Location, Spanned};

/// Where something stands, counted from 1; 0 where it is not known.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Position {
    pub line: u64,
    pub column: u64,
}

/// A value with the place where it stands; that of a field is the place of its key.
#[derive(Clone, Debug, PartialEq)]
pub struct Located {
    /// Where it stands.
    pub position: Position,
    /// What it is.
    pub node: Node,
}

/// A value of which each part knows where it stands.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// No value.
    Null,
    /// True or false.
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Located>),
    /// Fields in the order of the text.
    Fields(Vec<(String, Located)>),
}

impl Located {
    /// The fields, in the order of the text; none where it is no group of fields.
    pub fn fields(&self) -> &[(String, Self)] {
        if let Node::Fields(fields) = &self.node { fields } else { &[] }
    }

    /// The value of a field.
    pub fn field(&self, name: &str) -> Option<&Self> {
        match &self.node {
            Node::Fields(fields) => fields.iter().find(|(key, _)| key == name).map(|(_, value)| value),
            _ => None,
        }
    }

    /// The text of a field.
    pub fn text(&self, name: &str) -> Option<&str> {
        match &self.field(name)?.node {
            Node::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The value without its places.
    pub fn value(&self) -> Value {
        match &self.node {
            Node::Null => Value::Null,
            Node::Bool(value) => Value::Bool(*value),
            Node::Number(number) => Value::Number(number.clone()),
            Node::Text(text) => Value::String(text.clone()),
            Node::List(items) => items.iter().map(Self::value).collect(),
            Node::Fields(fields) => Value::Object(
                fields.iter().map(|(key, value)| (key.clone(), value.value())).collect::<Map<_, _>>(),
            ),
        }
    }

    /// Where a field stands, such as `spec.engine.args[name=seed].value`. Of a field that is not there it is the place of
    /// the nearest thing around it that is.
    pub fn position_of(&self, path: &str) -> Position {
        let mut here = self;
        for step in steps(path) {
            match here.step(step) {
                Some(next) => here = next,
                None => break,
            }
        }
        here.position
    }

    fn step(&self, step: &str) -> Option<&Self> {
        let Some(choice) = step.strip_prefix('[') else { return self.field(step) };
        let Node::List(items) = &self.node else { return None };
        match choice.split_once('=') {
            Some((key, value)) => items.iter().find(|item| item.text(key) == Some(value)),
            None => items.get(choice.parse::<usize>().ok()?),
        }
    }

    /// Moves everything down by a number of lines.
    pub fn shift(&mut self, lines: u64) {
        if self.position.line > 0 {
            self.position.line += lines;
        }
        match &mut self.node {
            Node::List(items) => items.iter_mut().for_each(|item| item.shift(lines)),
            Node::Fields(fields) => fields.iter_mut().for_each(|(_, value)| value.shift(lines)),
            Node::Null | Node::Bool(_) | Node::Number(_) | Node::Text(_) => {}
        }
    }
}

/// The steps of a path: names, and choices from lists as `[key=value` or `[index`. A dot in a choice is no border.
fn steps(path: &str) -> Vec<&str> {
    let mut steps = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        rest = rest.strip_prefix('.').unwrap_or(rest);
        let end = if rest.starts_with('[') { rest.find(']') } else { rest.find(['.', '[']) };
        let (step, after) = rest.split_at(end.unwrap_or(rest.len()));
        if !step.is_empty() {
            steps.push(step);
        }
        rest = after.strip_prefix(']').unwrap_or(after);
    }
    steps
}

impl From<Location> for Position {
    fn from(location: Location) -> Self {
        Self { line: location.line(), column: location.column() }
    }
}

impl<'de> Deserialize<'de> for Located {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Node>::deserialize(deserializer)?;
        Ok(Self { position: spanned.referenced.into(), node: spanned.value })
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_none<E: Error>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Number(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Node, E> {
        Number::from_f64(value).map(Node::Number).ok_or_else(|| E::custom("a number that is not finite"))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Text(value.to_owned()))
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Node, E> {
        Ok(Node::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Node::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let mut fields = Vec::new();
        while let Some(key) = access.next_key::<Spanned<String>>()? {
            let mut value: Located = access.next_value()?;
            if key.referenced.line() > 0 {
                value.position = key.referenced.into();
            }
            fields.push((key.value, value));
        }
        Ok(Node::Fields(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str =
        "spec:\n  args:\n    - name: a.b\n      value: x\n    - {name: c}\n  other:\n    deep: [1, two]\n";

    fn read(text: &str) -> Located {
        serde_saphyr::from_str(text).unwrap()
    }

    #[test]
    fn a_path_gives_the_position_of_its_key() {
        let root = read(TEXT);
        for (path, line, column) in [
            ("spec", 1, 1),
            ("spec.args", 2, 3),
            ("spec.args[name=a.b].value", 4, 7),
            ("spec.args[1].name", 5, 8),
            ("spec.other.deep[1]", 7, 15),
            ("spec.other.missing.deeper", 6, 3),
            ("spec.args[name=none].value", 2, 3),
            ("status", 1, 1),
            ("", 1, 1),
            ("spec.args[name=a.b", 3, 7),
        ] {
            assert_eq!(root.position_of(path), Position { line, column }, "{path}");
        }
    }

    #[test]
    fn the_value_is_what_stands_there() {
        let value = read(TEXT).value();
        assert_eq!(value["spec"]["args"][0]["name"], "a.b");
        assert_eq!(value["spec"]["other"]["deep"], serde_json::json!([1, "two"]));
    }

    #[test]
    fn everything_moves_together() {
        let mut root = read(TEXT);
        root.shift(10);
        assert_eq!(root.position_of("spec.args[1].name").line, 15);
    }
}
