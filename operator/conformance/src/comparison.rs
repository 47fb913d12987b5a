//! Random objects, sent to the API server and given to the reference.

use std::collections::BTreeSet;
use std::ops::Range;

use anyhow::Result;
use futures::{StreamExt, stream};
use hemvist_core::snapshot::PolicyBook;
use hemvist_core::snapshot::Settings;
use serde_json::Value;

use crate::allowed::Allowed;
use crate::exceptions::STORED;
use crate::policies::{PolicySet, book, without_nulls};
use crate::random::Random;
use crate::server::{AT_ONCE, Server, User, models_path, pods_path};
use crate::table::Table;
use crate::verdict::{Answer, Expected, Outcome, compare, expected_of_model, expected_of_pod};
use crate::{models, pods};

/// The fields of a ModelDeployment that policies judge.
const JUDGED: [&str; 5] = ["purpose", "model", "engine", "accelerator", "placement"];

/// What pairs are counted as that an exception decides.
pub const BY_EXCEPTION: &str = "model: decided by an exception";

/// What refusals are counted as of which both said the same, before the code of the rule.
pub const SAME_WORDS: &str = "same words: ";

/// Policies by namespace, and the objects that are tried under them.
#[derive(Debug)]
pub struct Comparison {
    settings: Settings,
    sets: Vec<PolicySet>,
    /// The positions of the sets with exceptions, in which more models are tried than in others.
    excepting: Vec<usize>,
    allowed: Vec<Allowed>,
    books: Vec<PolicyBook>,
    random: Random,
}

/// An object that is sent.
#[derive(Clone, Debug)]
pub struct Case {
    /// Its namespace, by the position of its set.
    pub set: usize,
    /// Whether it is a pod, or else a ModelDeployment.
    pub is_pod: bool,
    /// Who sends it.
    pub user: User,
    pub object: Value,
}

/// A stored ModelDeployment, and what it is changed to.
#[derive(Clone, Debug)]
pub struct Stored {
    old: Value,
    new: Case,
}

impl Stored {
    /// Whether anything is changed that policies judge.
    fn is_judged(&self) -> bool {
        let part = |object: &Value, field: &str| without_nulls(object["spec"][field].clone());
        JUDGED.iter().any(|field| part(&self.old, field) != part(&self.new.object, field))
    }
}

/// What came of many comparisons.
#[derive(Debug, Default)]
pub struct Report {
    /// What was seen how often.
    pub table: Table,
    /// How many pairs of ModelDeployments and of pods were compared.
    pub pairs: [usize; 2],
    /// How many of them both admit.
    pub admitted: [usize; 2],
    /// How many objects the API server took for invalid.
    pub invalid: [usize; 2],
    /// The pairs that differ, printed whole.
    pub differences: Vec<String>,
    /// Why objects were invalid: some of the reasons.
    pub reasons: Vec<String>,
}

impl Report {
    /// Counts one comparison.
    pub fn count(&mut self, is_pod: bool, expected: &Expected, outcome: &Outcome) {
        let kind = usize::from(is_pod);
        let name = ["model", "pod"][kind];
        match outcome {
            Outcome::NotJudged => {
                self.invalid[kind] += 1;
                return;
            }
            Outcome::BothAdmit(0) => self.admitted[kind] += 1,
            Outcome::BothAdmit(_) => {
                self.admitted[kind] += 1;
                self.table.count(format!("{name}: admitted with a warning"));
            }
            Outcome::BothRefuse(reported) => {
                self.table.count(&reported.kind);
                reported.code.iter().for_each(|code| self.table.count(format!("{SAME_WORDS}{code}")));
            }
            Outcome::Differ(how) => self.table.count(format!("DIFFERENT {name}: {how}")),
        }
        self.pairs[kind] += 1;
        if !expected.waived.is_empty() && !matches!(outcome, Outcome::Differ(_)) {
            self.table.count(BY_EXCEPTION);
            expected.waived.iter().for_each(|duty| self.table.count(format!("{BY_EXCEPTION}: {duty}")));
        }
    }

    /// Pairs of both kinds.
    pub fn total(&self) -> usize {
        self.pairs.iter().sum()
    }
}

impl Comparison {
    /// A comparison over these sets. The objects are the same for the same source.
    pub fn new(settings: Settings, sets: Vec<PolicySet>, random: Random) -> Self {
        let allowed = sets.iter().map(Allowed::by).collect();
        // What others state in other namespaces does not matter here; a book for each set keeps the reference quick.
        let books = sets.iter().map(|set| book([set])).collect();
        let excepts = |position: &usize| sets[*position].has_exceptions(&settings);
        let excepting = (0..sets.len()).filter(excepts).collect();
        Self { settings, sets, excepting, allowed, books, random }
    }

    pub fn sets(&self) -> &[PolicySet] {
        &self.sets
    }

    pub fn case(&self, number: usize) -> Case {
        let mut random = self.random.part(number);
        let is_pod = number.is_multiple_of(2);
        let often = !is_pod && !self.excepting.is_empty() && random.chance(350);
        let set = if often { *random.pick(&self.excepting) } else { random.below(self.sets.len()) };
        let unguided = *random.pick(&[0, 0, 15, 30, 60, 150]);
        let namespace = &self.sets[set].namespace;
        let object = if is_pod {
            pods::pod(&mut random, namespace, &self.allowed[set], unguided)
        } else {
            models::model(&mut random, namespace, &self.allowed[set], unguided)
        };
        let user = if is_pod && random.chance(667) { User::PodMaker } else { User::Tenant };
        Case { set, is_pod, user, object }
    }

    /// What the reference says of a case.
    pub fn expected(&self, case: &Case) -> serde_json::Result<Expected> {
        let (book, namespace) = (&self.books[case.set], &self.sets[case.set].namespace);
        if case.is_pod {
            expected_of_pod(book, &self.settings, case.user.name(), &case.object)
        } else {
            expected_of_model(book, &self.settings, namespace, &case.object)
        }
    }

    /// What the API server says of a case.
    pub async fn answer(&self, server: &Server, case: &Case) -> Result<Answer> {
        let namespace = &self.sets[case.set].namespace;
        let path = if case.is_pod { pods_path(namespace) } else { models_path(namespace) };
        server.try_out(case.user, "POST", &path, &case.object).await
    }

    /// Compares the cases of these numbers, until `most` differ.
    pub async fn run(&self, server: &Server, numbers: Range<usize>, most: usize) -> Result<Report> {
        let mut report = Report::default();
        let cases = numbers.map(|number| async move {
            let case = self.case(number);
            // What the core cannot even read, the API server has to find invalid.
            let expected = self.expected(&case).unwrap_or_else(Expected::unreadable);
            let answer = self.answer(server, &case).await?;
            anyhow::Ok((number, case, expected, answer))
        });
        let mut answers = stream::iter(cases).buffer_unordered(AT_ONCE);
        while let Some(one) = answers.next().await {
            let (number, case, expected, answer) = one?;
            let outcome = compare(&expected, &answer);
            report.count(case.is_pod, &expected, &outcome);
            if let (Answer::Invalid(reason), true) = (&answer, report.reasons.len() < 400) {
                report.reasons.push(reason.clone());
            }
            if let Outcome::Differ(how) = outcome {
                report.differences.push(self.shown(number, &how, &case, &expected, &answer));
                if report.differences.len() >= most {
                    break;
                }
            }
        }
        Ok(report)
    }

    /// Stores ModelDeployments, which has to be done while there are no policies.
    pub async fn store(&self, server: &Server, count: usize) -> Result<Vec<Stored>> {
        let made = self.to_store(count).into_iter().map(|(number, case)| async move {
            let mut random = self.random.part(2_000_000 + number);
            // What is not valid cannot be stored; another takes its place.
            let path = models_path(&self.sets[case.set].namespace);
            let mut stored = None;
            if let Ok(object) = server.make(&path, case.object.clone()).await {
                let mut changed = case.clone();
                changed.object = if random.chance(500) {
                    models::with_unjudged_changes(&mut random, &case.object)
                } else {
                    self.other(&mut random, &case)
                };
                changed.object["metadata"]["resourceVersion"] = object["metadata"]["resourceVersion"].clone();
                stored = Some(Stored { old: case.object, new: changed });
            }
            stored
        });
        Ok(stream::iter(made).buffer_unordered(AT_ONCE).filter_map(|one| async { one }).collect().await)
    }

    /// ModelDeployments of the names that exceptions for stored ones have, each once in a namespace, and of others.
    fn to_store(&self, count: usize) -> Vec<(usize, Case)> {
        let mut taken = BTreeSet::new();
        let cases = (0..count).map(|number| {
            let mut case = self.case(2 * (2_000_000 + number) + 1);
            let name = case.object["metadata"]["name"].as_str().unwrap_or_default();
            let mut stored = format!("{STORED}{name}");
            if !taken.insert((case.set, stored.clone())) {
                stored = format!("{STORED}{number}");
            }
            case.object["metadata"]["name"] = stored.into();
            (number, case)
        });
        cases.collect()
    }

    /// Another random model of the same name.
    fn other(&self, random: &mut Random, case: &Case) -> Value {
        let allowed = &self.allowed[case.set];
        let mut other = models::model(random, &self.sets[case.set].namespace, allowed, 60);
        other["metadata"]["name"] = case.object["metadata"]["name"].clone();
        // Sometimes a single field is another.
        if random.chance(500) {
            let part = *random.pick(&JUDGED);
            let mut mixed = case.object.clone();
            mixed["spec"][part] = other["spec"][part].clone();
            return mixed;
        }
        other
    }

    /// Compares changes of what is stored: what is judged and unchanged passes, whatever has become of the policies.
    pub async fn run_changes(&self, server: &Server, stored: &[Stored]) -> Result<Report> {
        let mut report = Report::default();
        let cases = stored.iter().enumerate().map(|(number, stored)| async move {
            let case = &stored.new;
            let expected = if stored.is_judged() {
                self.expected(case).unwrap_or_else(Expected::unreadable)
            } else {
                Expected::default()
            };
            let name = case.object["metadata"]["name"].as_str().unwrap_or_default();
            let path = format!("{}/{name}", models_path(&self.sets[case.set].namespace));
            let answer = server.try_out(case.user, "PUT", &path, &case.object).await?;
            anyhow::Ok((number, stored, expected, answer))
        });
        let mut answers = stream::iter(cases).buffer_unordered(AT_ONCE);
        while let Some(one) = answers.next().await {
            let (number, stored, expected, answer) = one?;
            let outcome = compare(&expected, &answer);
            report.count(false, &expected, &outcome);
            report.table.count(if stored.is_judged() {
                "change that is judged"
            } else {
                "change that is not judged"
            });
            if let Outcome::Differ(how) = outcome {
                let shown = self.shown(number, &how, &stored.new, &expected, &answer);
                report.differences.push(format!("{shown}before: {}\n", stored.old));
            }
        }
        Ok(report)
    }

    /// A pair that differs, whole.
    pub fn shown(
        &self,
        number: usize,
        how: &str,
        case: &Case,
        expected: &Expected,
        answer: &Answer,
    ) -> String {
        format!(
            "case {number}: {how}\npolicies:\n{}user: {}\nobject: {}\nexpected: {expected:#?}\nanswer: {answer:#?}\n",
            self.sets[case.set].shown(),
            case.user.name(),
            case.object,
        )
    }
}
