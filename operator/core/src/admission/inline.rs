//! Replaces variables by their values, for expressions that cannot use variables.
//!
//! The API server looks at match conditions before it knows the variables of a policy. What they stand for is bound within
//! the expression instead, as the only element of a list that something is asked of.

use super::cel::{Expr, name};

/// The expression with the variables that it mentions bound within it. A later variable may mention an earlier one.
pub fn inlined(expression: Expr, variables: &[(&'static str, Expr)]) -> Expr {
    variables.iter().rev().fold(expression, |inner, (variable, value)| {
        let (mentions, inner) = named(inner, variable);
        if mentions { Expr::List(vec![value.clone()]).some(variable, inner) } else { inner }
    })
}

/// The expression with a plain name in place of the variable, and whether there was one.
fn named(expression: Expr, variable: &'static str) -> (bool, Expr) {
    if expression == name("variables").field(variable) {
        return (true, name(variable));
    }
    let mut mentions = false;
    let expression = expression.with_parts(|part| {
        let (mentioned, part) = named(part, variable);
        mentions |= mentioned;
        part
    });
    (mentions, expression)
}

#[cfg(test)]
mod tests {
    use super::super::cel::{all, text};
    use super::*;

    #[test]
    fn what_is_mentioned_is_bound_once_and_in_order() {
        let variable = |of| name("variables").field(of);
        let variables = [
            ("first", name("object").field("spec")),
            ("second", variable("first").field("images")),
            ("unused", text("x")),
        ];
        let asks =
            all([variable("second").some("i", name("i").equals(text("a"))), variable("first").field("b")]);
        assert_eq!(
            inlined(asks, &variables).to_string(),
            "[object.spec].exists(first, [first.images].exists(second, second.exists(i, i == 'a') && first.b))"
        );
        assert_eq!(inlined(text("x"), &variables).to_string(), "'x'");
    }
}
