//! A run as text for people.

use std::fmt::{self, Display, Formatter};

use super::account::Account;
use super::admission::Cost;
use super::budget::Budget;
use super::report::{Phase, PointReport, Report};

impl Display for Report {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let machine = &self.machine;
        writeln!(
            out,
            "{} cores of {}, {} GiB, Linux {}, load {}",
            machine.cores, machine.processor, machine.memory_gib, machine.kernel, machine.load
        )?;
        let commit = self.commit.as_deref().unwrap_or("unknown");
        writeln!(out, "Hemvist {} at {commit}, Kubernetes {}", self.hemvist, self.kubernetes)?;
        for point in &self.points {
            write_point(out, point)?;
        }
        write_admission(out, &self.admission)?;
        writeln!(out, "\nBudgets")?;
        for judgement in &self.judgements {
            let verdict = match (judgement.kept, judgement.budget) {
                (true, _) => "PASS",
                (false, Budget::Aim) => "AIM ",
                (false, _) => "MISS",
            };
            writeln!(
                out,
                "  {verdict}  {:9.3}  {:12}  {}",
                judgement.found, judgement.limit, judgement.what
            )?;
        }
        Ok(())
    }
}

fn write_admission(out: &mut Formatter<'_>, costs: &[Cost]) -> fmt::Result {
    if costs.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nAdmission: dry runs, as a part of those without policies")?;
    writeln!(out, "  {:40} {:>8} {:>8} {:>8} {:>8}", "", "1/s", "CPU ms", "by 1/s", "by CPU")?;
    for cost in costs {
        let what = format!("{}, {}", cost.object, cost.case.named());
        writeln!(
            out,
            "  {what:40} {:8.1} {:8.3} {:8.2} {:8.2}",
            cost.requests_per_second, cost.cpu_milliseconds, cost.ratio, cost.cpu_ratio
        )?;
    }
    Ok(())
}

fn write_point(out: &mut Formatter<'_>, point: &PointReport) -> fmt::Result {
    writeln!(out, "\n{} ModelDeployments, {} nodes", point.models, point.nodes)?;
    writeln!(
        out,
        "  {:42} {:>8} {:>9} {:>7} {:>7} {:>7}  CPU seconds",
        "", "s", "models/s", "writer", "server", "etcd"
    )?;
    for (index, round) in point.rounds.iter().enumerate() {
        for plain in &round.plain {
            let what = format!("plain client, {} connections, round {}", plain.connections, index + 1);
            write_phase(out, &what, &plain.phase)?;
        }
        write_phase(out, &format!("operator over existing models, round {}", index + 1), &round.operator)?;
    }
    write_phase(out, "created while the operator waits", &point.fan_out.phase)?;
    write_phase(out, "replicas of every model changed", &point.change)?;
    if let (Some((median, least)), Some((cpu, _))) = (point.ratio(), point.cpu_ratio()) {
        writeln!(
            out,
            "  ratio to the plain client: median {median:.2}, least {least:.2}; by CPU seconds {cpu:.2}"
        )?;
        writeln!(out, "  bytes that are written for one model: {}", point.bytes_per_model)?;
    }
    let fan_out = &point.fan_out;
    writeln!(
        out,
        "  from creation to status: median {:.2} s, 99 % within {:.2} s",
        fan_out.median_latency, fan_out.slow_latency
    )?;
    let restart = &point.restart;
    writeln!(
        out,
        "  killed and started again: quiet after {:.2} s, {:.2} CPU seconds",
        restart.seconds, restart.cpu.writer
    )?;
    for memory in &point.memory {
        writeln!(
            out,
            "  memory {:24} {:6.1} MiB, peak {:6.1} MiB",
            memory.moment, memory.resident_mib, memory.peak_mib
        )?;
    }
    writeln!(out, "  lines of the operator's log at level warn: {}", point.complaints)?;
    write_account(out, "created", &fan_out.phase.account)?;
    write_account(out, &format!("{} s of quiet", point.quiet.seconds), &point.quiet.account)?;
    write_account(out, "started again", &restart.account)?;
    write_account(out, "changed", &point.change.account)
}

fn write_phase(out: &mut Formatter<'_>, what: &str, phase: &Phase) -> fmt::Result {
    let cpu = phase.cpu;
    writeln!(
        out,
        "  {what:42} {:8.2} {:9.1} {:7.2} {:7.2} {:7.2}",
        phase.seconds, phase.models_per_second, cpu.writer, cpu.api_server, cpu.etcd
    )
}

fn write_account(out: &mut Formatter<'_>, what: &str, account: &Account) -> fmt::Result {
    writeln!(
        out,
        "  requests, {what}: {} reads, {} watches, {} writes ({} per model)",
        account.reads, account.watches, account.writes, account.writes_per_model
    )?;
    for request in &account.requests {
        let refused =
            if request.refused == 0 { String::new() } else { format!(", {} refused", request.refused) };
        writeln!(
            out,
            "    {:6} {:28} {:6}  {:7.3} per model{refused}",
            request.verb, request.resource, request.count, request.per_model
        )?;
    }
    Ok(())
}
