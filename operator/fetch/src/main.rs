//! The program `hemvist-fetch`. The library does the work; this file reads the command line.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use hemvist_digest::Digest;
use hemvist_fetch::fetch::{Order, fetch};
use hemvist_fetch::listing::is_plain;
use hemvist_fetch::mirror::{Credentials, Endpoint, Hub, Mirror, ObjectStore, Trust};
use hemvist_fetch::outcome::{Failure, end};
use hemvist_fetch::verify::verify;
use tracing_subscriber::EnvFilter;

/// Fetches and verifies the weights of language models, beside the model that serves them.
#[derive(Debug, Parser)]
#[command(name = "hemvist-fetch", version)]
struct Command {
    /// File in which the end of the run is left behind, as one line of JSON.
    #[arg(long, global = true, default_value = "/dev/termination-log")]
    termination_log: PathBuf,

    /// Files that are fetched or read at the same time.
    #[arg(long, global = true, default_value = "4")]
    threads: NonZeroUsize,

    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Holds a file or a folder to a digest.
    Verify {
        /// `sha256:` and 64 hexadecimal digits, as `hemvist model digest` prints it.
        #[arg(long)]
        digest: Digest,
        /// The file, or the folder.
        path: PathBuf,
    },
    /// Fetches weights from a mirror into a folder that is named after their digest.
    Fetch {
        #[command(flatten)]
        order: OrderArgs,
        #[command(subcommand)]
        from: From,
    },
}

#[derive(Args, Debug)]
struct OrderArgs {
    /// The digest of what is fetched.
    #[arg(long)]
    digest: Digest,
    /// The folder of the volume that is to hold it.
    #[arg(long)]
    into: PathBuf,
    /// The file or folder of the mirror; everything where it is left out.
    #[arg(long, default_value = "", value_parser = relative_path)]
    path: String,
    /// Folder of a mounted Secret, with accessKey and secretKey or with token, and ca.crt where the mirror's certificate is
    /// signed by an authority of the region's own.
    #[arg(long)]
    credentials: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum From {
    /// An S3-compatible object store.
    ObjectStore {
        /// Address, such as https://objects.region.example.
        #[arg(long)]
        endpoint: Endpoint,
        /// Region of the store, as it wants to be signed for.
        #[arg(long, default_value = "us-east-1")]
        region: String,
        /// The bucket.
        #[arg(long)]
        bucket: String,
        /// The beginning of the keys, up to a slash.
        #[arg(long, default_value = "")]
        prefix: String,
    },
    /// A mirror of a model hub.
    Hub {
        /// Address, such as https://hub.region.example.
        #[arg(long)]
        endpoint: Endpoint,
        /// The repository.
        #[arg(long)]
        repository: String,
        /// The commit.
        #[arg(long)]
        revision: String,
    },
}

fn relative_path(text: &str) -> Result<String, String> {
    if text.is_empty() || is_plain(text) {
        Ok(text.to_owned())
    } else {
        Err("no plain relative path".to_owned())
    }
}

fn main() -> ExitCode {
    let command = Command::parse();
    let level = EnvFilter::new("info");
    tracing_subscriber::fmt().json().with_env_filter(level).with_writer(std::io::stdout).init();
    let result = match command.task {
        Task::Verify { digest, path } => verify(&path, &digest, command.threads),
        Task::Fetch { order, from } => carry_out(order, from, command.threads),
    };
    end(&result, &command.termination_log)
}

fn carry_out(order: OrderArgs, from: From, threads: NonZeroUsize) -> Result<String, Failure> {
    let OrderArgs { digest, into, path, credentials } = order;
    let trust = Trust::read(credentials.as_deref())?;
    let credentials = credentials.as_deref().map(Credentials::read).transpose()?.unwrap_or_default();
    let mirror: Box<dyn Mirror> = match from {
        From::ObjectStore { endpoint, region, bucket, prefix } => {
            Box::new(ObjectStore::new(endpoint, trust, credentials, region, bucket, &prefix))
        }
        From::Hub { endpoint, repository, revision } => {
            Box::new(Hub::new(endpoint, trust, credentials, repository, revision))
        }
    };
    fetch(mirror.as_ref(), &Order { into, digest, path, threads })
}
