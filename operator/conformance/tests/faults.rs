//! A compiler with a fault is found out by the comparison; one without is not.

use std::time::Instant;

use anyhow::Result;
use hemvist_conformance::comparison::Comparison;
use hemvist_conformance::fault::{self, Fault};
use hemvist_conformance::policies::{book, settings, specimen};
use hemvist_conformance::random::Random;
use hemvist_conformance::server::Server;
use hemvist_conformance::sharing::Shared;
use hemvist_core::admission::{Admission, Compiled, Scope};

/// How many pairs a fault is looked for in.
const PAIRS: usize = 5000;

/// What a fault makes of what the policies are compiled to, in its namespace alone; and whether it is there.
fn compiled_for(admission: &Admission, fault: &Fault, namespace: &str) -> (Vec<Compiled>, bool) {
    let judging = admission.policies.values().flatten().filter(|one| one.namespaces.contains(namespace));
    let always = admission.default_deny.iter().filter(|one| one.name != "hemvist-workloads");
    let narrowed = judging.chain(always).map(|one| Compiled {
        namespaces: Scope::Only([namespace.to_owned()].into()),
        probed: false,
        ..one.clone()
    });
    let mut compiled: Vec<_> = narrowed.collect();
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
    let sets = faults
        .iter()
        .enumerate()
        .map(|(number, fault)| specimen(&settings, &format!("fault-{number}"), fault.under));
    let sets: Vec<_> = sets.collect();
    let book = book(&sets);
    let mut comparisons = Vec::new();
    let mut everything = Shared::default();
    for (fault, set) in faults.iter().zip(sets) {
        let admission = fault.compile(&book, &settings);
        let (compiled, is_there) = compiled_for(&admission, fault, &set.namespace);
        assert!(is_there, "{} changes nothing", fault.name);
        for one in compiled {
            everything.add(one, &set.namespace);
        }
        comparisons.push(Comparison::new(settings.clone(), vec![set], Random::new(seed)));
    }
    let namespaces = comparisons.iter().map(|comparison| comparison.sets()[0].namespace.as_str());
    server.make_namespaces(namespaces.chain([settings.root_namespace.as_str()])).await?;
    server.write(everything.policies()).await?;
    println!("{} policies written, {:?}", everything.policies().len(), begun.elapsed());
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
