//! `tapebase serve`: wires everything together and runs until it is told to stop.

use std::{
    future::pending,
    io::{self, IsTerminal as _},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use actix_web::{App, HttpServer, dev::ServerHandle, middleware::from_fn, web::Data};
use anyhow::{Context as _, anyhow};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tapebase_config::{Config, EmailVerification, Listen, logging};
use tapebase_domain::{
    Services,
    changes::Changes,
    damage::Damage,
    ports::{BlobStore, Clock, RecordStore, causes},
    sweep::Sweep,
};
use tapebase_http::{Failures, Stopping, Tasks, routes::routes, wrapped};
use tokio::{
    runtime::Handle,
    select,
    signal::unix::{Signal, SignalKind, signal},
    time::{sleep, timeout},
};

use crate::{
    connections::{self, Door},
    exclusive::Exclusive,
    first_run,
    supervise::supervise,
    sweep::{self, Schedule},
};

/// How long the stores are waited for at the end, if somebody does not let go of them.
const LONGEST_END: Duration = Duration::from_secs(5);

/// Serves the API until SIGTERM, and then finishes what is in flight.
pub async fn run(config: Config) -> anyhow::Result<()> {
    logging::start(&config.log.filter)?;
    raise_file_limit();
    let is_first = first_run::prepare_stores(&config)?;
    let exclusive = Exclusive::acquire(&config).await?;
    let ports = config.locations()?.locked().connect().await?;
    let services = Services::new(&ports, &config.policy()?);
    if let Err(error) = services.damage.recall().await {
        tracing::warn!(cause = causes(&error), "how much audio is damaged is not known yet");
    }
    let (http_policy, timeouts) = (config.http_policy(), config.timeouts);
    let origins = http_policy.allowed_origins.clone();
    let (sweep, damage, changes) = (services.sweep.clone(), services.damage.clone(), services.changes.clone());
    let (failures, clock) = (Failures::default(), ports.clock.clone());
    let lineage = exclusive.is_held().then(|| services.lineage.clone());
    if let Some(lineage) = &lineage {
        sweep::advance(lineage, &failures, &*clock).await;
    }
    let (shown, stopping) = (failures.clone(), Stopping::default());
    let is_stopping = stopping.clone();
    let (records, blobs, batches) = (ports.records.clone(), ports.blobs.clone(), ports.batches.clone());
    let tasks = Tasks::new(Handle::current(), 2 * config.limits.connections);
    let routes = routes(services, ports, http_policy, tasks.clone());
    let door = Door::new(&config);
    let at_the_door = Data::new(door.clone());
    let server = HttpServer::new(move || {
        let app = App::new().wrap(from_fn(connections::track));
        wrapped(app, &origins)
            .app_data(Data::new(shown.clone()))
            .app_data(Data::new(is_stopping.clone()))
            .app_data(at_the_door.clone())
            .configure(routes.clone())
    })
    .on_connect(move |socket, data| door.watch(socket, data))
    // The door waits for heads: actix would answer 408 for one that it was too slow to read itself.
    .client_request_timeout(Duration::ZERO)
    .keep_alive(timeouts.keep_alive)
    .shutdown_timeout(timeouts.shutdown.as_secs())
    // Without it a streamed body waits 40 ms for the acknowledgement of its head.
    .tcp_nodelay(true)
    .max_connections(config.limits.connections.div_ceil(workers()))
    .workers(workers())
    .disable_signals()
    .bind(&*resolve(&config.listen)?)
    .map_err(|error| cannot_listen(&config.listen, error))?;

    // Before anybody is told that the server is there, and could tell it to stop.
    let told = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let addresses = server.addrs();
    let address = addresses.first().copied().context("there is no address to listen on")?;
    say!("listening on http://{address}");
    if is_first || io::stdout().is_terminal() {
        first_run::print_walk(&config, address);
    }
    let (rows, audio) = config.stores();
    warn_of_risks(&config, &addresses);
    tracing::info!(%address, records = %rows, blobs = %audio, "serving");
    let schedule = Schedule { every: config.sweep.every, is_shared: !exclusive.is_held() };
    let sweeper = tokio::spawn(sweep_for_ever(sweep, damage, schedule, failures.clone(), clock.clone()));
    let server = server.run();
    let broken_off = stop_when_told(told, (stopping, timeouts.drain), changes, server.handle());
    select! {
        ended = server => ended?,
        () = broken_off => tracing::warn!("what is in flight is broken off"),
    }
    sweeper.abort();
    let _ = sweeper.await;
    if timeout(timeouts.shutdown, tasks.finished()).await.is_err() {
        tracing::warn!(tasks = tasks.count(), "what was begun does not end; its stores do not answer");
    }
    // A copy of what there was until now is told from what goes on.
    if let Some(lineage) = lineage {
        sweep::advance(&lineage, &failures, &*clock).await;
    }
    sweep::close(&*batches).await;
    drop(batches);
    drop_stores(records, blobs).await;
    drop(exclusive);
    tracing::info!("stopped");
    Ok(())
}

async fn sweep_for_ever(sweep: Sweep, damage: Damage, schedule: Schedule, failures: Failures, clock: Arc<dyn Clock>) {
    let start = || sweep::regularly(sweep.clone(), damage.clone(), schedule, &failures, &*clock);
    supervise(sweep::TASK, failures.clone(), clock.clone(), start).await;
}

/// Drops the stores once nobody else has them: whoever is last waits for their threads, which tidy up, and the workers'
/// threads would be cut off by the end of the process.
async fn drop_stores(records: Arc<dyn RecordStore>, blobs: Arc<dyn BlobStore>) {
    let alone = async {
        while Arc::strong_count(&records) > 1 || Arc::strong_count(&blobs) > 1 {
            sleep(Duration::from_millis(1)).await;
        }
    };
    if timeout(LONGEST_END, alone).await.is_err() {
        tracing::warn!("the stores are still in use; what they leave is tidied up later");
    }
}

/// On SIGTERM finishes what is in flight, on SIGINT breaks it off. Whoever waits for changes is answered first: the
/// server stops once nobody waits for an answer.
///
/// Before that, whoever sends requests here has time to notice that they are to go elsewhere. It returns on a SIGINT that
/// comes while the server stops: then it is waited for no longer.
async fn stop_when_told(
    (mut terminate, mut interrupt): (Signal, Signal),
    (stopping, drain): (Stopping, Duration),
    changes: Changes,
    server: ServerHandle,
) {
    let is_graceful = select! {
        _ = terminate.recv() => true,
        _ = interrupt.recv() => false,
    };
    stopping.begin();
    let is_graceful = is_graceful
        && select! {
            () = sleep(drain) => true,
            _ = interrupt.recv() => false,
        };
    changes.close();
    select! {
        () = server.stop(is_graceful) => pending().await,
        _ = interrupt.recv() => {}
    }
}

/// How many threads answer requests: one more than there are cores.
///
/// A connection stays with its thread. One that has to share its core, with the database or with a client on the same
/// machine, keeps its connections waiting for a tick of 4 ms; with as many threads as cores, another core may be idle
/// meanwhile.
fn workers() -> usize {
    1 + std::thread::available_parallelism().map_or(1, usize::from)
}

/// Every connection and every download takes a file descriptor; the customary 1,024 are few.
fn raise_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }) {
        tracing::warn!(%error, "cannot raise the limit of open files");
    }
}

fn resolve(listen: &Listen) -> anyhow::Result<Vec<SocketAddr>> {
    listen.addresses().with_context(|| format!("listen = {listen}: nobody knows this host"))
}

fn cannot_listen(listen: &Listen, error: io::Error) -> anyhow::Error {
    if error.kind() == io::ErrorKind::AddrInUse {
        let next = listen.next();
        return anyhow!(
            "listen = {listen}: another program listens there; set another, such as TAPEBASE_LISTEN={next}"
        );
    }
    anyhow!(error).context(format!("listen = {listen}"))
}

fn warn_of_risks(config: &Config, addresses: &[SocketAddr]) {
    if config.auth.trust_social_ids {
        tracing::warn!(
            "auth.trust_social_ids is ON: GET /login lets in anybody who knows a social id, without any proof. \
             Switch it off as soon as the clients of 2018 are gone."
        );
    }
    if config.auth.email_verification != EmailVerification::Off && config.mail.smtp.is_none() {
        tracing::warn!("auth.email_verification is set, and mail.smtp is not: nobody is mailed a code");
    }
    if !addresses.iter().all(|address| address.ip().is_loopback()) {
        tracing::warn!(listen = %config.listen, "listening beyond this machine without TLS: put a TLS proxy in front");
    }
}
