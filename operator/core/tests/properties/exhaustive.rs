//! Every set of up to three policies over a small universe, without chance: the laws, and the verdict by a reading of its
//! own that knows nothing of the code it judges.

#![allow(clippy::unwrap_used, reason = "what a law needs and does not get fails its test")]

use hemvist_api::ModelDeployment;
use hemvist_api::values::{InformationClass, UnmanagedAccelerators};
use hemvist_core::policy::{EffectivePolicy, Expiry};
use hemvist_core::violation::Finding;
use serde_json::{Value, json};

use super::world::{HOME, ROOT, plain_model, policy_of};
use super::{TODAY, effective};

const DATA_CENTRES: [Option<&[&str]>; 4] = [None, Some(&[]), Some(&["a"]), Some(&["a", "b"])];
const CLASSES: [Option<&[&str]>; 4] = [None, Some(&[]), Some(&["Open"]), Some(&["Open", "Sensitive"])];

/// What else a policy sets: nothing, lenient values, strict values. The duty is an assessment for `Sensitive`.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Rider {
    NothingSet,
    Lenient,
    Strict,
}

/// A policy of the universe.
struct Small {
    root: bool,
    data_centres: Option<&'static [&'static str]>,
    classes: Option<&'static [&'static str]>,
    rider: Rider,
    effective: EffectivePolicy,
}

/// What a set of policies says of every model, a bit for each.
#[derive(Clone, Copy, Eq, PartialEq)]
struct Verdicts {
    allowed: u32,
    /// Refused for something that a policy sets, and not by default.
    refused_by_a_policy: u32,
}

/// What a model of the universe asks for.
struct Asking {
    model: ModelDeployment,
    class: &'static str,
    data_centre: Option<&'static str>,
    assessed: bool,
}

fn small(root: bool, data_centres: usize, classes: usize, rider: Rider, number: usize) -> Small {
    let (data_centres, classes) = (DATA_CENTRES[data_centres], CLASSES[classes]);
    let rules = classes.map(|classes| {
        let rule = |class: &&str| match rider {
            Rider::NothingSet => json!({"class": class}),
            Rider::Lenient => json!({"class": class, "onExpiry": {"action": "Warn"}}),
            Rider::Strict => json!({"class": class, "onExpiry": {"action": "Stop", "graceDays": 3},
                                    "requires": {"assessments": if *class == "Sensitive" { vec!["DPIA"] } else { vec![] }}}),
        };
        classes.iter().map(rule).collect::<Vec<Value>>()
    });
    let (quota, unmanaged) = match rider {
        Rider::NothingSet => (None, None),
        Rider::Lenient => (Some(4), Some("RequireResidency")),
        Rider::Strict => (Some(1), Some("Deny")),
    };
    let mut spec = json!({"residency": {"dataCentres": data_centres}, "informationClasses": rules,
                          "quota": {"accelerators": quota}, "unmanagedAccelerators": unmanaged});
    if root {
        // Everything that the universe does not vary is allowed by every policy of the region.
        spec["riskClasses"] = json!([{"class": "Minimal"}]);
        spec["models"] = json!({"licences": ["MIT"], "formats": ["Safetensors"]});
        spec["images"] = json!({"registries": ["r.example"]});
        spec["engines"] = json!({"types": ["VLLM"]});
    }
    let namespace = if root { ROOT } else { HOME };
    let effective = effective(&vec![policy_of(namespace, &format!("p-{number}"), spec)]);
    Small { root, data_centres, classes, rider, effective }
}

fn universe() -> Vec<Small> {
    let mut all = Vec::new();
    for root in [true, false] {
        for data_centres in 0..DATA_CENTRES.len() {
            for classes in 0..CLASSES.len() {
                for rider in [Rider::NothingSet, Rider::Lenient, Rider::Strict] {
                    all.push(small(root, data_centres, classes, rider, all.len()));
                }
            }
        }
    }
    all
}

fn models() -> Vec<Asking> {
    let mut all = Vec::new();
    for class in ["Open", "Sensitive"] {
        for data_centre in [None, Some("b")] {
            for assessed in [true, false] {
                all.push(Asking {
                    model: plain_model(class, data_centre, assessed),
                    class,
                    data_centre,
                    assessed,
                });
            }
        }
    }
    all
}

fn verdicts(policy: &EffectivePolicy, models: &[Asking]) -> Verdicts {
    let mut verdicts = Verdicts { allowed: 0, refused_by_a_policy: 0 };
    for (bit, asking) in models.iter().enumerate() {
        let violations = policy.check(&asking.model, TODAY);
        let by_default =
            |finding: &Finding| matches!(finding, Finding::NoPolicy { .. } | Finding::ListNotStated { .. });
        let by_a_policy = violations.iter().any(|violation| !by_default(&violation.finding));
        verdicts.allowed |= u32::from(violations.is_empty()) << bit;
        verdicts.refused_by_a_policy |= u32::from(by_a_policy) << bit;
    }
    verdicts
}

/// The models that a set allows, by a reading of its own.
fn expected(set: &[&Small], models: &[Asking]) -> u32 {
    let stated_by_root =
        |stated: &dyn Fn(&Small) -> bool| set.iter().any(|policy| policy.root && stated(policy));
    let allows = |asking: &Asking| {
        let listed = |list: Option<&[&str]>, value: &str| list.is_none_or(|list| list.contains(&value));
        let everywhere =
            |data_centre: &str| set.iter().all(|policy| listed(policy.data_centres, data_centre));
        let placed = match asking.data_centre {
            Some(asked) => everywhere(asked),
            None => everywhere("a") || everywhere("b"),
        };
        let class_listed = set.iter().all(|policy| listed(policy.classes, asking.class));
        let of_class = |policy: &Small| policy.classes.is_some_and(|classes| classes.contains(&asking.class));
        let duty = asking.class == "Sensitive"
            && set.iter().any(|policy| policy.rider == Rider::Strict && of_class(policy));
        stated_by_root(&|policy| policy.classes.is_some())
            && stated_by_root(&|policy| policy.data_centres.is_some())
            && placed
            && class_listed
            && (asking.assessed || !duty)
    };
    models.iter().enumerate().map(|(bit, asking)| u32::from(allows(asking)) << bit).sum()
}

/// The limits of a set, by a reading of its own.
fn assert_limits(set: &[&Small], policy: &EffectivePolicy) {
    let strict = set.iter().any(|one| one.rider == Rider::Strict);
    let lenient = set.iter().any(|one| one.rider == Rider::Lenient);
    let quota = if strict { Some(1) } else { lenient.then_some(4) };
    assert_eq!(policy.accelerator_quota().map(|(limit, _)| limit), quota);
    let root_speaks = set.iter().any(|one| one.root && one.rider != Rider::NothingSet);
    let free = root_speaks && !strict;
    assert_eq!(policy.unmanaged_accelerators() == UnmanagedAccelerators::RequireResidency, free);
    let of_class = |one: &&&Small| one.classes.is_some_and(|classes| classes.contains(&"Sensitive"));
    let speaking: Vec<_> = set.iter().filter(of_class).filter(|one| one.rider != Rider::NothingSet).collect();
    let expected = if !speaking.iter().any(|one| one.root) {
        Expiry::AT_ONCE
    } else if speaking.iter().any(|one| one.rider == Rider::Strict) {
        Expiry::Stop { grace_days: 3 }
    } else {
        Expiry::Warn
    };
    assert_eq!(policy.on_expiry(InformationClass::Sensitive), expected);
}

/// Everything that has been found of the smaller sets, and how much of it.
struct Ledger {
    all: Vec<Small>,
    models: Vec<Asking>,
    single: Vec<Verdicts>,
    /// The meet of the policies `i` and `j`, at `i` and `j`.
    pairs: Vec<Vec<(EffectivePolicy, Verdicts)>>,
    sets: usize,
    allowed: u32,
}

impl Ledger {
    fn judge(&mut self, members: &[usize], policy: &EffectivePolicy) -> Verdicts {
        let set: Vec<&Small> = members.iter().map(|member| &self.all[*member]).collect();
        let found = verdicts(policy, &self.models);
        assert_eq!(found.allowed, expected(&set, &self.models), "the verdict on {members:?}");
        assert_limits(&set, policy);
        if !set.iter().any(|one| one.root) {
            assert_eq!(found.allowed, 0, "without the region {members:?} allow something");
        }
        self.sets += 1;
        self.allowed += found.allowed.count_ones();
        found
    }

    /// That the policies together allow nothing that some of them refuse by their word.
    fn assert_tighter(found: Verdicts, fewer: Verdicts, members: &[usize]) {
        assert_eq!(found.allowed & fewer.refused_by_a_policy, 0, "{members:?} open what was refused");
    }

    fn judge_pairs(&mut self) {
        for i in 0..self.all.len() {
            let mut row = Vec::new();
            for j in 0..i {
                let (left, right) = (&self.all[i].effective, &self.all[j].effective);
                let meet = left.meet(right);
                assert!(meet == right.meet(left), "{i} and {j} do not commute");
                let found = self.judge(&[i, j], &meet);
                Self::assert_tighter(found, self.single[i], &[i, j]);
                Self::assert_tighter(found, self.single[j], &[i, j]);
                row.push((meet, found));
            }
            self.pairs.push(row);
        }
    }

    fn judge_triples(&mut self) {
        for i in 0..self.all.len() {
            for j in 0..i {
                for k in 0..j {
                    let members = [i, j, k];
                    let meet = self.pairs[i][j].0.meet(&self.all[k].effective);
                    let grouped = self.all[i].effective.meet(&self.pairs[j][k].0);
                    assert!(meet == grouped, "{members:?} do not associate");
                    let found = self.judge(&members, &meet);
                    for pair in [self.pairs[i][j].1, self.pairs[i][k].1, self.pairs[j][k].1] {
                        Self::assert_tighter(found, pair, &members);
                    }
                }
            }
        }
    }
}

#[test]
fn the_laws_hold_for_every_small_set() {
    let mut ledger = Ledger {
        all: universe(),
        models: models(),
        single: Vec::new(),
        pairs: Vec::new(),
        sets: 0,
        allowed: 0,
    };
    let nothing = effective(&Vec::new());
    ledger.judge(&[], &nothing);
    for member in 0..ledger.all.len() {
        let alone = ledger.all[member].effective.clone();
        assert!(alone.meet(&alone) == alone, "{member} is not idempotent");
        let found = ledger.judge(&[member], &alone);
        ledger.single.push(found);
    }
    ledger.judge_pairs();
    ledger.judge_triples();
    let Ledger { all, models, sets, allowed, .. } = ledger;
    println!("{} policies, {sets} sets, {} models, {allowed} verdicts allow", all.len(), models.len());
    assert!(sets > 100_000 && allowed > 10_000, "{sets} sets with {allowed} that allow");
}
