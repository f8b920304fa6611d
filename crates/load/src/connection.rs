//! One connection, on which one request follows another.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use anyhow::{Context as _, Result, bail, ensure};
use bytes::Buf;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::answer::Head;
use crate::latency::Latencies;
use crate::random::Random;
use crate::request::Template;
use crate::spec::{Spec, Until};

/// Bytes that are read at once.
const BUFFER: usize = 128 * 1024;

/// Bytes that are sent at once.
const BLOCK: usize = 256 * 1024;

/// What all connections of a run share.
pub struct Shared {
    spec: Spec,
    template: Template,
    /// What every body is made of, after its head.
    block: Vec<u8>,
    /// How many requests have begun.
    begun: AtomicU32,
}

impl Shared {
    pub fn new(spec: Spec) -> Arc<Self> {
        let template = Template::new(&spec.request, spec.address);
        let mut random = Random::new(0);
        let block = (0..BLOCK / 8).flat_map(|_| random.next().to_ne_bytes()).collect();
        Arc::new(Self { spec, template, block, begun: AtomicU32::new(0) })
    }

    /// The number of the next request, unless there is to be none.
    fn next(&self, clock: Instant) -> Option<u32> {
        let number = self.begun.fetch_add(1, Ordering::Relaxed);
        let is_late = clock.elapsed().as_secs_f64() >= self.spec.seconds;
        let is_enough = number >= self.spec.requests;
        let is_over = match self.spec.until {
            Until::Either => is_late || is_enough,
            Until::Both => is_late && is_enough,
        };
        (!is_over).then_some(number)
    }
}

/// An open connection.
pub struct Connection {
    shared: Arc<Shared>,
    stream: TcpStream,
    random: Random,
    request: Vec<u8>,
    buffer: Vec<u8>,
}

impl Connection {
    pub async fn open(shared: Arc<Shared>, number: usize) -> Result<Self> {
        let address = shared.spec.address;
        let stream = TcpStream::connect(address).await.with_context(|| format!("connecting to {address}"))?;
        stream.set_nodelay(true)?;
        let random = Random::new(number as u64);
        Ok(Self { shared, stream, random, request: Vec::with_capacity(BUFFER), buffer: vec![0; BUFFER] })
    }

    /// Asks until there is no more to ask; returns how long that took each time.
    pub async fn run(mut self, clock: Instant) -> Result<Latencies> {
        let mut latencies = Latencies::default();
        while let Some(number) = self.shared.next(clock) {
            let start = Instant::now();
            self.send(number).await.context("sending a request")?;
            self.receive().await?;
            latencies.add(start.elapsed(), clock.elapsed());
        }
        Ok(latencies)
    }

    async fn send(&mut self, number: u32) -> Result<()> {
        let Shared { spec, template, block, .. } = &*self.shared;
        let id = spec.ids.draw(number.into(), &mut self.random);
        let mut left = template.write(&mut self.request, &id, &mut self.random);
        let piece = |left| usize::try_from(left).map_or(BLOCK, |left: usize| left.min(BLOCK));
        // In one call with the head, so that a small request is not sent in two packets.
        let first = piece(left);
        self.stream.write_all_buf(&mut Buf::chain(&self.request[..], &block[..first])).await?;
        left -= first as u64;
        while left > 0 {
            let next = piece(left);
            self.stream.write_all(&block[..next]).await?;
            left -= next as u64;
        }
        self.stream.write_all(template.after()).await?;
        Ok(())
    }

    async fn receive(&mut self) -> Result<()> {
        let (head, here) = self.receive_head().await?;
        let expected = self.shared.spec.expect;
        if head.status != expected.status {
            let answer = String::from_utf8_lossy(&self.buffer[..here]);
            bail!("an answer has not the status {}:\n{answer}", expected.status);
        }
        if let Some(length) = expected.length {
            ensure!(head.length == length, "a body has {} bytes instead of {length}", head.length);
        }
        let mut left = head.left(here)?;
        while left > 0 {
            let most = usize::try_from(left).map_or(BUFFER, |left| left.min(BUFFER));
            left -= read(&mut self.stream, &mut self.buffer[..most]).await? as u64;
        }
        Ok(())
    }

    /// Receives a head, and perhaps some of what follows it; returns how many bytes there are.
    async fn receive_head(&mut self) -> Result<(Head, usize)> {
        let mut here = 0;
        loop {
            ensure!(here < BUFFER, "the head of an answer is too long");
            here += read(&mut self.stream, &mut self.buffer[here..]).await?;
            if let Some(head) = Head::parse(&self.buffer[..here])? {
                return Ok((head, here));
            }
        }
    }
}

/// Reads something; that there is no more is an error.
async fn read(stream: &mut TcpStream, buffer: &mut [u8]) -> Result<usize> {
    let read = stream.read(buffer).await.context("receiving an answer")?;
    ensure!(read > 0, "the server has closed a connection");
    Ok(read)
}
