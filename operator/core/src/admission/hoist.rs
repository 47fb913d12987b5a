//! Moves long lists into variables, so that each is written once.
//!
//! The API server takes 100,000 characters for one expression. A list of 64 registries stands in the rule and again in its
//! message; as a variable it stands once, and each mention is a word.

use std::collections::BTreeMap;

use super::cel::{Expr, name};

/// A list of fewer characters is not worth a variable: looking a variable up takes longer than looking into a short list.
const LONG: usize = 400;

/// The names of the variables. Where there are more long lists than names, the others stay where they are.
const NAMES: [&str; 48] = [
    "list0", "list1", "list2", "list3", "list4", "list5", "list6", "list7", "list8", "list9", "list10",
    "list11", "list12", "list13", "list14", "list15", "list16", "list17", "list18", "list19", "list20",
    "list21", "list22", "list23", "list24", "list25", "list26", "list27", "list28", "list29", "list30",
    "list31", "list32", "list33", "list34", "list35", "list36", "list37", "list38", "list39", "list40",
    "list41", "list42", "list43", "list44", "list45", "list46", "list47",
];

/// The expressions with their long lists taken out, and these as variables.
pub fn hoisted<const N: usize>(expressions: [Expr; N]) -> (Vec<(&'static str, Expr)>, [Expr; N]) {
    let mut lists = Lists::default();
    let expressions = expressions.map(|expression| lists.without(expression));
    (lists.variables, expressions)
}

#[derive(Default)]
struct Lists {
    /// The variable of each list, by its text.
    known: BTreeMap<String, &'static str>,
    variables: Vec<(&'static str, Expr)>,
}

impl Lists {
    fn without(&mut self, expression: Expr) -> Expr {
        match expression {
            Expr::List(items) if is_long(&items) => self.variable(items),
            other => other.with_parts(|part| self.without(part)),
        }
    }

    fn variable(&mut self, items: Vec<Expr>) -> Expr {
        let list = Expr::List(items);
        let text = list.to_string();
        if let Some(variable) = self.known.get(&text) {
            return name("variables").field(variable);
        }
        let Some(variable) = NAMES.get(self.known.len()).copied() else { return list };
        self.known.insert(text, variable);
        self.variables.push((variable, list));
        name("variables").field(variable)
    }
}

/// Whether these are texts, and many or long ones.
fn is_long(items: &[Expr]) -> bool {
    let length = |item: &Expr| if let Expr::Text(text) = item { Some(text.len() + 4) } else { None };
    items.iter().map(length).sum::<Option<usize>>().is_some_and(|length| length > LONG)
}

#[cfg(test)]
mod tests {
    use super::super::cel::{any, texts};
    use super::*;

    #[test]
    fn a_long_list_stands_once() {
        let long = || texts((0..100).map(|number| format!("registry-{number}")));
        let asks = |what| any([name(what).is_in(long()), name(what).is_in(texts(["short"]))]);
        let (variables, [one, two]) = hoisted([asks("a"), !asks("b")]);
        assert_eq!(variables, [("list0", long())]);
        assert_eq!(one.to_string(), "a in variables.list0 || a in ['short']");
        assert_eq!(two.to_string(), "!(b in variables.list0 || b in ['short'])");
    }
}
