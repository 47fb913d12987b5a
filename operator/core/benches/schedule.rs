//! How long a decision takes, and a schedule of all models, and how both grow.
//!
//! Budgets, on the machine of the tests: a decision at 1,000 nodes 0.15 ms; a schedule of 10,000 models over 5,000 nodes one second from
//! nothing, and 5 ms after one changed pod.

#![allow(missing_docs, clippy::unwrap_used, reason = "criterion's macros make undocumented functions")]

#[path = "../tests/clusters/mod.rs"]
mod clusters;

use std::collections::BTreeMap;
use std::hint::black_box;

use clusters::{cluster, pod};
use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group, criterion_main};
use hemvist_core::decide::decide;
use hemvist_core::schedule::schedule;
use hemvist_core::snapshot::Subject;

/// Nodes and models of the clusters that are compared.
const SIZES: [(usize, usize); 4] = [(100, 100), (1_000, 1_000), (1_000, 10_000), (5_000, 10_000)];

fn decisions(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decision for one model");
    for (nodes, models) in SIZES {
        let snapshot = cluster(nodes, models);
        let schedule = schedule(&snapshot);
        let all: Vec<_> = snapshot.models.values().collect();
        let mut of_each = all.iter().cycle();
        group.bench_function(
            BenchmarkId::from_parameter(format!("{models} models, {nodes} nodes")),
            |bencher| {
                bencher.iter(|| {
                    let model = &of_each.next().unwrap().model;
                    let (children, pods, fetchers) = (BTreeMap::new(), Vec::new(), Vec::new());
                    decide(&snapshot, &schedule, black_box(&Subject { model, children, pods, fetchers }))
                });
            },
        );
    }
}

fn from_nothing(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("schedule from nothing");
    group.sample_size(10);
    for (nodes, models) in SIZES {
        let snapshot = cluster(nodes, models);
        let size = format!("{models} models, {nodes} nodes");
        group.bench_function(BenchmarkId::from_parameter(size), |bencher| {
            bencher.iter(|| schedule(black_box(&snapshot)));
        });
    }
}

fn after_one_pod(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("schedule after one changed pod");
    for (nodes, models) in SIZES {
        let before = cluster(nodes, models);
        let mut after = before.clone();
        after.usage.set(&pod(models + 1, nodes / 2, None), &before.settings);
        let mut schedule = schedule(&before);
        let mut turn = false;
        let size = format!("{models} models, {nodes} nodes");
        group.bench_function(BenchmarkId::from_parameter(size), |bencher| {
            bencher.iter_batched(
                || {
                    turn = !turn;
                    if turn { &after } else { &before }
                },
                |snapshot| schedule.update(black_box(snapshot)),
                BatchSize::SmallInput,
            );
        });
    }
}

criterion_group!(benches, decisions, from_nothing, after_one_pod);
criterion_main!(benches);
