//! Whatever stands in a policy, the expressions that it becomes are those of a policy with harmless texts: a parser that is
//! not ours reads what we wrote, and finds the same expression with the texts as its texts.

#[path = "cel/policies.rs"]
mod policies;
#[path = "cel/reading.rs"]
mod reading;

use hemvist_core::admission::cel::{Expr, literal};
use hemvist_core::admission::{Compiled, compile};
use hemvist_core::snapshot::PolicyBook;
use hemvist_core::snapshot::Settings;
use k8s_openapi::jiff::civil::{Date, date};
use policies::{HOSTILE, Plan, largest, plan};
use proptest::prelude::*;
use proptest::test_runner::{TestCaseError, TestRunner};
use reading::{Reading, read, read_by_grammar, texts, with_texts};

const TODAY: Date = date(2026, 11, 1);

/// The longest expression that the API server takes, in characters.
const LONGEST_EXPRESSION: usize = 100_000;

/// How deep the API server's parser goes.
const DEEPEST: usize = 250;

/// Tries a property on at least this many random cases, shared among the cores. `PROPTEST_CASES` can ask for more.
#[allow(clippy::panic, reason = "a property that does not hold fails its test")]
fn for_all<S: Strategy>(
    cases: u32,
    strategy: impl Fn() -> S + Sync,
    property: impl Fn(S::Value) -> Result<(), TestCaseError> + Sync,
) {
    let defaults = ProptestConfig::default();
    let workers =
        std::thread::available_parallelism().map_or(2, |count| u32::try_from(count.get()).unwrap_or(2));
    let cases = defaults.cases.max(cases).div_ceil(workers);
    let config = ProptestConfig { cases, failure_persistence: None, ..defaults };
    let try_cases = || {
        if let Err(failure) = TestRunner::new(config.clone()).run(&strategy(), &property) {
            panic!("{failure}");
        }
    };
    // A thread that panics fails the scope, and with it the test.
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(try_cases);
        }
    });
}

/// What the policies of a book become.
fn compiled(book: &PolicyBook) -> Vec<Compiled> {
    compile(book, &Settings::default(), TODAY).all().cloned().collect()
}

/// What the policies of a book become, without what is always there and takes nothing of them but names of namespaces.
fn of_policies(book: &PolicyBook) -> Vec<Compiled> {
    compile(book, &Settings::default(), TODAY).policies.into_values().flatten().collect()
}

fn hostile(position: usize) -> String {
    HOSTILE[position].to_owned()
}

fn harmless(position: usize) -> String {
    format!("r{position}.example")
}

/// Every expression that the API server is given, with a name.
fn written(compiled: &Compiled) -> Vec<(String, String)> {
    let spec = compiled.policy().spec.unwrap_or_default();
    let conditions =
        spec.match_conditions.into_iter().flatten().map(|one| ("condition".to_owned(), one.expression));
    let variables = spec.variables.into_iter().flatten().map(|one| (one.name, one.expression));
    let validations = spec.validations.into_iter().flatten().enumerate().flat_map(|(number, one)| {
        let message = one.message_expression.map(|message| (format!("message {number}"), message));
        std::iter::once((format!("rule {number}"), one.expression)).chain(message)
    });
    let named = |(name, expression)| (format!("{}: {name}", compiled.name), expression);
    conditions.chain(variables).chain(validations).map(named).collect()
}

/// The trees of a compiled policy that can be seen from here.
fn trees(compiled: &Compiled) -> impl Iterator<Item = &Expr> {
    let variables = compiled.variables.iter().map(|(_, value)| value);
    variables
        .chain(compiled.without_exemption.iter().chain(&compiled.rules).map(|rule| &rule.holds))
        .chain(&compiled.exempt)
}

fn read_or_fail(expression: &str) -> Result<Reading, TestCaseError> {
    read(expression).map_err(|error| TestCaseError::fail(format!("{error}\n{expression}")))
}

/// That the literals of the expression are just the texts that were read, in order, and no other quote is in it.
fn check_literals(expression: &str, reading: &Reading) -> Result<(), TestCaseError> {
    let mut rest = expression;
    for text in &reading.texts {
        let written = literal(text);
        let Some((before, after)) = rest.split_once(&written) else {
            return Err(TestCaseError::fail(format!("{written} is not in\n{expression}")));
        };
        prop_assert!(!before.contains(['\'', '"', '`']), "{} before {} in\n{}", before, written, expression);
        rest = after;
    }
    prop_assert!(!rest.contains(['\'', '"', '`']), "{} in\n{}", rest, expression);
    Ok(())
}

fn check_plan(plan: &Plan) -> Result<(), TestCaseError> {
    let of = if plan.looks_at_all() { compiled } else { of_policies };
    let (evil, good) = (of(&plan.book(hostile)), of(&plan.book(harmless)));
    prop_assert_eq!(evil.len(), good.len());
    for (evil, good) in evil.iter().zip(&good) {
        for ((name, evil), (_, good)) in written(evil).into_iter().zip(written(good)) {
            let (evil_read, good_read) = (read_or_fail(&evil)?, read_or_fail(&good)?);
            prop_assert!(evil_read.shape == good_read.shape, "{}\n{}\n{}", name, evil, good);
            check_literals(&evil, &evil_read)?;
        }
        for tree in trees(evil) {
            prop_assert_eq!(read_or_fail(&tree.to_string())?.texts, texts(tree));
        }
    }
    Ok(())
}

#[test]
fn no_text_of_a_policy_becomes_part_of_an_expression() {
    for_all(2000, plan, |plan| check_plan(&plan));
}

#[test]
fn both_parsers_read_the_same() {
    for one in of_policies(&everything()) {
        for tree in trees(&one) {
            let expression = tree.to_string();
            assert_eq!(read_by_grammar(&expression), read(&expression), "{expression}");
        }
    }
}

#[test]
fn a_text_of_64_kibibytes_stays_a_text() {
    for text in HOSTILE {
        let long = text.repeat(65_536 / text.len());
        let tree = hemvist_core::admission::cel::name("x").is_in(Expr::List(vec![Expr::Text(long.clone())]));
        let reading = read(&tree.to_string()).unwrap_or_else(|error| panic!("{text:?}: {error}"));
        assert_eq!(reading.texts, [long]);
    }
}

/// An escaper with a fault.
type Escaper = fn(&str) -> String;

/// The expression as a printer writes it that has another escaper.
fn printed_by(escaper: Escaper, tree: &Expr) -> String {
    let mut kept = Vec::new();
    let marked = with_texts(tree, &mut |text| {
        kept.push(text.to_owned());
        format!("@@{}@@", kept.len() - 1)
    });
    kept.iter().enumerate().fold(marked.to_string(), |printed, (position, text)| {
        printed.replacen(&format!("'@@{position}@@'"), &escaper(text), 1)
    })
}

/// Whether reading what is printed shows anything else than the tree. The grammar is stricter than the quick parser, which
/// lets a line end within a text.
fn is_caught(escaper: Escaper) -> bool {
    HOSTILE.iter().any(|text| {
        let tree = hemvist_core::admission::cel::name("x").is_in(hemvist_core::admission::cel::texts([text]));
        read_by_grammar(&printed_by(escaper, &tree)).map_or(true, |reading| reading.texts != texts(&tree))
    })
}

fn everything() -> PolicyBook {
    let lists = (0..HOSTILE.len()).collect::<Vec<_>>();
    Plan::of_all(&lists).book(hostile)
}

#[test]
fn an_escaper_with_a_fault_is_caught() {
    let faults: [(&str, Escaper); 6] = [
        ("no backslash", |text| literal(&text.replace('\\', "\u{1}")).replace("\\u0001", "\\")),
        ("no quote", |text| literal(text).replace("\\'", "'")),
        ("no newline", |text| literal(text).replace("\\n", "\n")),
        ("no NUL", |text| literal(text).replace("\\u0000", "")),
        ("raw", |text| format!("r{}", literal(text))),
        ("nothing", |text| format!("'{text}'")),
    ];
    assert!(!is_caught(literal), "the printer without a fault");
    for (name, escaper) in faults {
        assert!(is_caught(escaper), "{name}");
    }
}

#[test]
fn the_largest_policy_is_within_the_limits_of_the_api_server() {
    let mut beyond = Vec::new();
    for one in compiled(&largest()) {
        for (name, expression) in written(&one) {
            let length = expression.chars().count();
            let depth = read(&expression).map_or(usize::MAX, |reading| reading.depth);
            println!("{name}: {length} characters, {depth} deep");
            if length > LONGEST_EXPRESSION || depth > DEEPEST {
                beyond.push(format!("{name}: {length} characters, {depth} deep"));
            }
        }
    }
    assert!(beyond.is_empty(), "{beyond:#?}");
}
