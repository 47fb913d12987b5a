//! A compiler with a fault is found out by the comparison; one without is not.

use std::collections::BTreeSet;
use std::time::Instant;

use anyhow::Result;
use hemvist_conformance::comparison::Comparison;
use hemvist_conformance::fault::{self, Fault};
use hemvist_conformance::policies::{book, settings, specimen};
use hemvist_conformance::random::Random;
use hemvist_conformance::server::Server;
use hemvist_conformance::verdict::NARROWED;
use hemvist_core::admission::{Compiled, Scope};
use hemvist_core::snapshot::Settings;

/// How many pairs a fault is looked for in.
const PAIRS: usize = 5000;

/// What a fault becomes in a namespace of its own: what is compiled from its policies, and what is always there for it
/// alone.
fn compiled_for(comparison: &Comparison, settings: &Settings, fault: &Fault) -> (Vec<Compiled>, bool) {
    let admission = fault.compile(&book(comparison.sets()), settings);
    let namespaces: BTreeSet<String> = comparison.sets().iter().map(|set| set.namespace.clone()).collect();
    let narrowed =
        admission.default_deny.iter().filter(|one| one.name != "hemvist-workloads").map(|one| Compiled {
            name: format!("{}{NARROWED}{}", one.name, comparison.sets()[0].namespace),
            namespaces: Scope::Only(namespaces.clone()),
            probed: false,
            ..one.clone()
        });
    let mut compiled: Vec<Compiled> =
        admission.policies.values().flatten().cloned().chain(narrowed.collect::<Vec<_>>()).collect();
    let is_there = fault.apply(&mut compiled);
    (compiled, is_there)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_of_the_compiler_is_found() -> Result<()> {
    let seed = Random::seed(20_261_102);
    println!("seed {seed}");
    let begun = Instant::now();
    let settings = settings(None);
    let server = Server::start("conformance-faults").await?;
    // What nothing can show has to stay unseen, like what is not there.
    let unseen: Vec<Fault> = fault::none().into_iter().chain(fault::equivalent()).collect();
    let controls = unseen.len();
    let faults: Vec<Fault> = unseen.into_iter().chain(fault::all()).collect();
    let mut comparisons = Vec::new();
    let mut everything = Vec::new();
    for (number, fault) in faults.iter().enumerate() {
        let set = specimen(&settings, &format!("fault-{number}"), fault.under);
        let comparison = Comparison::new(settings.clone(), vec![set], Random::new(seed));
        let (compiled, is_there) = compiled_for(&comparison, &settings, fault);
        assert!(is_there, "{} changes nothing", fault.name);
        everything.extend(compiled);
        comparisons.push(comparison);
    }
    let namespaces = comparisons.iter().map(|comparison| comparison.sets()[0].namespace.as_str());
    server.make_namespaces(namespaces.chain([settings.root_namespace.as_str()])).await?;
    server.write(&everything).await?;
    println!("{} policies written, {:?}", everything.len(), begun.elapsed());
    server.settle(&settings, "faults").await?;
    println!("in force, {:?}", begun.elapsed());

    let mut escaped = Vec::new();
    for (number, (fault, comparison)) in faults.iter().zip(&comparisons).enumerate() {
        let control = number < controls;
        let report = comparison.run(&server, 0..if control { 400 } else { PAIRS }, 1).await?;
        let found = !report.differences.is_empty();
        println!("{:>5} pairs  {}  {}", report.total(), if found { "found" } else { "     " }, fault.name);
        if found == control {
            escaped.push(format!("{}\n{}", fault.name, report.differences.join("\n")));
        }
    }
    println!("{} faults, {:?}", fault::all().len(), begun.elapsed());
    server.stop().await?;
    assert!(escaped.is_empty(), "{}", escaped.join("\n"));
    Ok(())
}
