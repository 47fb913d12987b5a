//! The link between a node's network and the machine's, and the API server's address on it.

use std::net::Ipv4Addr;

use anyhow::{Context, Result, bail};
use hemvist_e2e::command::Program;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A pair of connected interfaces: one on the machine, one in the node. It is gone with the node's network.
#[derive(Debug)]
pub struct Link {
    number: u8,
    relay: JoinHandle<()>,
    port: u16,
}

impl Link {
    /// Makes the link to the network of the process `node` and, on the machine's side, relays connections to an API server
    /// that listens on the loopback address only, as those of the tests do.
    ///
    /// # Errors
    /// Where no network of the private range is free, or the system refuses.
    pub async fn create(node: u32, api_server: u16) -> Result<Self> {
        let number = free_number().await?;
        let (outer, inner) = (format!("hemvist{number}"), format!("node{number}"));
        let node = node.to_string();
        ip(&["link", "add", &outer, "type", "veth", "peer", "name", &inner, "netns", &node]).await?;
        ip(&["address", "add", &format!("{}/30", outer_address(number)), "dev", &outer]).await?;
        ip(&["link", "set", &outer, "up"]).await?;
        for arguments in [
            vec![
                "address".to_owned(),
                "add".to_owned(),
                format!("{}/30", inner_address(number)),
                "dev".to_owned(),
                inner.clone(),
            ],
            ["link", "set", &inner, "up"].map(str::to_owned).into(),
            // Addresses of services are no network's; a packet to one needs a way to set out on.
            vec![
                "route".to_owned(),
                "add".to_owned(),
                "default".to_owned(),
                "via".to_owned(),
                outer_address(number).to_string(),
            ],
        ] {
            let enter = ["--target", &node, "--net", "--", "ip"].map(str::to_owned);
            Program::new("nsenter").run(&[enter.as_slice(), &arguments].concat(), "").await?.success()?;
        }
        // The operator runs on the machine, and asks replicas how they are.
        ip(&["route", "add", &pods(number), "via", &inner_address(number).to_string()]).await?;
        let listener =
            TcpListener::bind((outer_address(number), 0)).await.context("listening on the link")?;
        let port = listener.local_addr()?.port();
        Ok(Self { number, relay: tokio::spawn(relay(listener, api_server)), port })
    }

    /// The node's address.
    pub fn node_address(&self) -> Ipv4Addr {
        inner_address(self.number)
    }

    /// The machine's address, as the node sees it.
    pub fn machine_address(&self) -> Ipv4Addr {
        outer_address(self.number)
    }

    /// The network of the node's pods, which the machine reaches through the link.
    pub fn pods(&self) -> String {
        pods(self.number)
    }

    /// The API server, as the node reaches it.
    pub fn api_server(&self) -> String {
        format!("https://{}:{}", outer_address(self.number), self.port)
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.relay.abort();
    }
}

fn outer_address(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 247, number, 1)
}

fn inner_address(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 247, number, 2)
}

fn pods(number: u8) -> String {
    format!("10.246.{number}.0/24")
}

/// A network of the private range that the machine has no address in yet.
async fn free_number() -> Result<u8> {
    let used = ip(&["-oneline", "-4", "address", "show"]).await?;
    for number in 0..=u8::MAX {
        if !used.contains(&format!(" {}/", outer_address(number))) {
            return Ok(number);
        }
    }
    bail!("no network from {} on is free", outer_address(0))
}

async fn ip(arguments: &[&str]) -> Result<String> {
    Program::new("ip").run(arguments, "").await?.success()
}

/// Carries bytes between the two until one of them closes.
async fn relay(listener: TcpListener, port: u16) {
    while let Ok((mut inner, _)) = listener.accept().await {
        tokio::spawn(async move {
            if let Ok(mut outer) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await {
                // Either side may break off; the other then sees the end of its connection.
                let _ = tokio::io::copy_bidirectional(&mut inner, &mut outer).await;
            }
        });
    }
}
