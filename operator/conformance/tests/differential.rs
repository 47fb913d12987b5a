//! The API server, by the compiled policies, and the core, by its own code, judge every object alike.

use std::time::Instant;

use anyhow::Result;
use hemvist_conformance::comparison::{BY_EXCEPTION, Comparison, Report, SAME_WORDS};
use hemvist_conformance::policies::{
    PolicySet, TODAY, book, demanding_of_risks, excepting, narrow_classes, not_setting, set, settings,
    without_regions,
};
use hemvist_conformance::random::Random;
use hemvist_conformance::server::Server;
use hemvist_conformance::texts;
use hemvist_core::admission::{Compiled, compile};
use hemvist_core::rules::{self, Found};
use hemvist_core::snapshot::PolicyEntry;
use hemvist_core::snapshot::{Key, Settings};

/// How many pairs are compared where the environment does not say.
const PAIRS: usize = 22_000;

/// How many changes of stored ModelDeployments are compared beside them.
const CHANGES: usize = 600;

/// How many sets of policies are in force at the same time.
const SETS: usize = 72;

/// One in so many of them has exceptions, and so many others hang on them. An exception stands in every policy of the root
/// namespace that demands what it waives, so that many of them make every policy slower.
const EXCEPTING: usize = 2;
const EXCEPTED: usize = 16;

/// The most pairs that differ before it is enough, and the most that are printed.
const MOST: usize = 1000;
const PRINTED: usize = 20;

/// Rules that can be named as the reason of a refusal, and have to be, this often.
const LEAST: usize = 20;
const RULES: [&str; 53] = [
    "model: no policy",
    "model: not governed",
    "model: unacceptable",
    "model: unreadable",
    "model: reserved argument",
    "model: not stated: arguments",
    "model: not stated: spec.engines.types",
    "model: not stated: spec.images.registries",
    "model: not stated: spec.informationClasses",
    "model: not stated: spec.models.formats",
    "model: not stated: spec.models.licences",
    "model: not stated: spec.residency.dataCentres",
    "model: not stated: spec.riskClasses",
    "model: spec.engines.allowedArgs",
    "model: spec.engines.types",
    "model: spec.images.registries",
    "model: spec.images.requireDigest",
    "model: spec.informationClasses",
    "model: spec.informationClasses[].dataCentres",
    "model: spec.informationClasses[].isolation",
    "model: spec.informationClasses[].requires.assessments",
    "model: spec.informationClasses[].requires.humanOversight",
    "model: spec.informationClasses[].requires.recordReference",
    "model: spec.informationClasses[].requires.transparencyNotice",
    "model: spec.models.formats",
    "model: spec.models.licences",
    "model: spec.models.requireDigest",
    "model: spec.residency.dataCentres",
    "model: spec.residency.regions",
    "model: spec.riskClasses",
    "model: spec.riskClasses[].requires.assessments",
    "model: spec.riskClasses[].requires.humanOversight",
    "model: spec.riskClasses[].requires.recordReference",
    "model: spec.riskClasses[].requires.transparencyNotice",
    "pod: metadata.labels",
    "pod: metadata.labels[hemvist.dev/information-class]",
    "pod: metadata.name",
    "pod: metadata.namespace",
    "pod: spec",
    "pod: spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution",
    "pod: spec.containers",
    "pod: spec.images.registries",
    "pod: spec.images.requireDigest",
    "pod: spec.informationClasses",
    "pod: spec.informationClasses[].isolation",
    "pod: spec.nodeName",
    "pod: spec.residency.dataCentres",
    "pod: spec.residency.regions",
    "pod: spec.schedulerName",
    "pod: spec.tolerations",
    "pod: spec.unmanagedAccelerators",
    "pod: spec.volumes",
    "pod: unreadable",
];

/// How many pairs have to be decided by an exception, and by which of its parts. The age of assessments is the controller's.
const DECIDED_BY_EXCEPTION: usize = 300;
const WAIVED: [&str; 4] = ["assessments", "humanOversight", "recordReference", "transparencyNotice"];

fn pairs() -> usize {
    std::env::var("HEMVIST_PAIRS").ok().and_then(|text| text.parse().ok()).unwrap_or(PAIRS)
}

fn sets(random: &Random) -> Vec<PolicySet> {
    let settings = settings(Some("ns-0"));
    let part = |number| random.part(1_000_000 + number);
    let name = |number| format!("ns-{number}");
    let one = |number: usize| {
        let excepting = number.is_multiple_of(EXCEPTING);
        set(&mut part(number), &settings, &name(number), excepting)
    };
    // What chance seldom brings about: that all is said but one thing.
    let unset = [
        ("engines", "allowedArgs"),
        ("engines", "allowedArgs"),
        ("engines", "allowedArgs"),
        ("engines", "types"),
        ("images", "registries"),
        ("models", "formats"),
        ("models", "licences"),
        ("residency", "dataCentres"),
    ];
    let unset = unset.into_iter().zip(SETS..);
    let mut certain = unset
        .map(|((group, field), number)| not_setting(&settings, &name(number), group, field))
        .collect::<Vec<_>>();
    certain.push(without_regions(&settings, &name(SETS + certain.len())));
    certain.push(narrow_classes(&settings, &name(SETS + certain.len())));
    for duty in ["humanOversight", "recordReference", "transparencyNotice"] {
        certain.push(demanding_of_risks(&settings, &name(SETS + certain.len()), duty));
    }
    let first = SETS + certain.len();
    let excepted =
        (first..first + EXCEPTED).map(|number| excepting(&mut part(number), &settings, &name(number)));
    (0..SETS).map(one).chain(certain).chain(excepted).collect()
}

/// That enough was compared, of every kind and with both verdicts.
fn check_table(report: &Report) {
    for kind in 0..2 {
        let (pairs, admitted, invalid) = (report.pairs[kind], report.admitted[kind], report.invalid[kind]);
        assert!(admitted * 100 >= pairs * 15, "only {admitted} of {pairs} were admitted");
        assert!(
            invalid * 5 <= pairs + invalid,
            "{invalid} were invalid beside {pairs}: {:#?}",
            report.reasons
        );
    }
    if pairs() >= PAIRS {
        assert!(report.total() >= 20_000, "{} pairs", report.total());
        let rare = report.table.rarer_than(LEAST, RULES);
        assert!(rare.is_empty(), "seldom or never named: {rare:#?}");
        let everywhere = rules::of_models().filter(|rule| rule.found == Found::Everywhere);
        let codes: Vec<_> = everywhere.map(|rule| format!("{SAME_WORDS}{}", rule.code)).collect();
        assert!(codes.len() > 15, "only {} rules are found everywhere", codes.len());
        let rare = report.table.rarer_than(LEAST, codes.iter().map(String::as_str));
        assert!(rare.is_empty(), "seldom or never said by both in the same words: {rare:#?}");
        let decided = report.table.of(BY_EXCEPTION);
        assert!(decided >= DECIDED_BY_EXCEPTION, "an exception decides only {decided} pairs");
        let waived = WAIVED.map(|duty| format!("{BY_EXCEPTION}: {duty}"));
        let rare = report.table.rarer_than(LEAST, waived.iter().map(String::as_str));
        assert!(rare.is_empty(), "seldom or never waived: {rare:#?}");
    }
}

/// A policy of the root namespace that cannot be read may bind every namespace, so it closes all of them.
async fn with_one_that_cannot_be_read(
    server: &Server,
    settings: &Settings,
    comparison: &Comparison,
    random: Random,
) -> Result<Report> {
    let key = Key::new(&settings.root_namespace, "broken");
    let mut sets = comparison.sets().to_vec();
    for set in &mut sets {
        let error = texts::any(&mut random.part(3_000_000), 300);
        set.entries.insert(key.clone(), PolicyEntry::Unreadable { error });
    }
    let compiled = compile(&book(&sets), settings, TODAY).policies.remove(&key).unwrap_or_default();
    server.write(&compiled).await?;
    server.wait_until_in_force(settings, &compiled).await?;
    Comparison::new(settings.clone(), sets, random).run(server, 4_000_000..4_000_000 + CHANGES, MOST).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_api_server_and_the_core_judge_alike() -> Result<()> {
    let seed = Random::seed(20_261_101);
    let random = Random::new(seed);
    println!("seed {seed}");
    let begun = Instant::now();
    let settings = settings(Some("ns-0"));
    let sets = sets(&random);
    let compiled: Vec<Compiled> = compile(&book(&sets), &settings, TODAY).all().cloned().collect();
    let server = Server::start("conformance-differential").await?;
    let namespaces = sets.iter().map(|set| set.namespace.as_str()).chain([settings.root_namespace.as_str()]);
    server.make_namespaces(namespaces).await?;
    let comparison = Comparison::new(settings.clone(), sets, random.clone());
    // What is stored was made before there were policies.
    let stored = comparison.store(&server, CHANGES.min(pairs())).await?;
    server.write(&compiled).await?;
    println!("{} policies written, {:?}", compiled.len(), begun.elapsed());
    server.wait_until_in_force(&settings, &compiled).await?;
    println!("in force, {:?}", begun.elapsed());

    let changes = comparison.run_changes(&server, &stored).await?;
    println!("{} changes, {:?}\n{}", changes.total(), begun.elapsed(), changes.table);
    let report = comparison.run(&server, 0..pairs(), MOST).await?;
    println!("{} pairs, {:?}\n{}", report.total(), begun.elapsed(), report.table);
    println!("pairs {:?} admitted {:?} invalid {:?}", report.pairs, report.admitted, report.invalid);
    let closed = with_one_that_cannot_be_read(&server, &settings, &comparison, random).await?;
    println!(
        "{} pairs under a policy that cannot be read, {:?}\n{}",
        closed.total(),
        begun.elapsed(),
        closed.table
    );
    let mut differences = [changes.differences, report.differences.clone(), closed.differences].concat();
    server.stop().await?;
    let count = differences.len();
    differences.truncate(PRINTED);
    assert!(differences.is_empty(), "{count} differ\n{}", differences.join("\n"));
    check_table(&report);
    Ok(())
}
