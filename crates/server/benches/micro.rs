//! The functions that a request spends its time in, each by itself: `cargo xtask bench micro`.
//!
//! Requests go to the app as the server builds it, on SQLite and the disk, but without a connection.

#![expect(clippy::expect_used, reason = "without the app there is nothing to measure")]

use std::{hint::black_box, time::Duration};

use actix_http::Request;
use actix_web::{
    App, Error,
    body::{self, MessageBody},
    dev::{Service, ServiceResponse},
    http::{StatusCode, header},
    rt::{System, SystemRunner},
    test::{TestRequest, init_service},
};
use criterion::{Criterion, Throughput, async_executor::AsyncExecutor, criterion_group, criterion_main};
use tapebase_config::Config;
use tapebase_domain::{
    Services,
    auth::WithMail,
    digest::Sha256,
    id::RecordingId,
    page::{Limit, Order, PageRequest, TimeField},
    ports::{Clock as _, Ports, SystemClock},
    user::{Email, Password},
};
use tapebase_http::{Tasks, routes::routes, wrapped};
use tempfile::TempDir;
use tokio::runtime::Handle;

/// Four seconds of speech.
const SMALL: usize = 64 << 10;
/// Some minutes of it.
const LARGE: usize = 8 << 20;
/// How many recordings there are to list.
const MANY: usize = 1_000;

/// Runs futures where actix can spawn more.
struct Actix(SystemRunner);

impl AsyncExecutor for &Actix {
    fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.0.block_on(future)
    }
}

/// The stores, the use cases, and somebody who is signed in.
struct Backend {
    ports: Ports,
    services: Services,
    config: Config,
    token: String,
    _folder: TempDir,
}

impl Backend {
    async fn start() -> Self {
        let folder = TempDir::new().expect("a folder");
        let config = Config::default().in_folder(folder.path());
        let ports = config.locations().expect("places").connect().await.expect("stores");
        let services = Services::new(&ports, &config.policy().expect("a policy"));
        let email = Email::parse("ann@example.com").expect("an address");
        let password = Password::parse("correct horse battery staple").expect("a password");
        let signed_up = services.auth.sign_up(email, password, None, &"bench".into()).await.expect("signed up");
        let WithMail::Done(grant, _) = signed_up else { panic!("a code is asked for") };
        Self { token: grant.token.expose().to_owned(), ports, services, config, _folder: folder }
    }

    /// The app as the server builds it, but for what watches connections: there are none.
    async fn app(&self) -> impl Service<Request, Response = ServiceResponse<impl MessageBody>, Error = Error> {
        let tasks = Tasks::new(Handle::current(), usize::MAX);
        let routes = routes(self.services.clone(), self.ports.clone(), self.config.http_policy(), tasks);
        init_service(wrapped(App::new(), &self.config.http.allowed_origins).configure(routes)).await
    }

    fn get(&self, path: &str) -> TestRequest {
        TestRequest::get().uri(path).insert_header((header::AUTHORIZATION, format!("Bearer {}", self.token)))
    }

    fn put(&self, id: &RecordingId, length: usize) -> TestRequest {
        TestRequest::put()
            .uri(&format!("/v1/recordings/{id}"))
            .insert_header((header::AUTHORIZATION, format!("Bearer {}", self.token)))
            .insert_header((header::CONTENT_TYPE, "audio/mp4"))
            .insert_header((header::CONTENT_LENGTH, length))
            .set_payload(vec![b'a'; length])
    }
}

fn fresh_id() -> RecordingId {
    RecordingId::generate(SystemClock.now())
}

/// Sends a request, and reads the answer to its end.
async fn ask<B: MessageBody>(
    app: &impl Service<Request, Response = ServiceResponse<B>, Error = Error>,
    request: TestRequest,
    expected: StatusCode,
) {
    let response = app.call(request.to_request()).await.expect("an answer");
    assert_eq!(response.status(), expected);
    let body = body::to_bytes(response.into_body()).await;
    assert!(body.is_ok(), "the answer broke off");
}

fn functions(criterion: &mut Criterion) {
    let bytes = vec![b'a'; SMALL];
    let mut hashing = criterion.benchmark_group("sha256");
    hashing.throughput(Throughput::Bytes(SMALL as u64));
    hashing.bench_function("64 KiB", |bencher| bencher.iter(|| Sha256::of(black_box(&bytes))));
    hashing.finish();
}

fn use_cases(criterion: &mut Criterion) {
    let actix = Actix(System::new());
    let backend = actix.0.block_on(Backend::start());
    let app = actix.0.block_on(backend.app());
    let ids: Vec<_> = (0..MANY).map(|_| fresh_id()).collect();
    for id in &ids {
        actix.0.block_on(ask(&app, backend.put(id, 100), StatusCode::CREATED));
    }
    let Services { auth, list, .. } = &backend.services;
    let owner = actix.0.block_on(auth.authenticate(&backend.token)).expect("known").user;
    let page = || PageRequest {
        by: TimeField::Received,
        order: Order::Newest,
        from: None,
        to: None,
        limit: Limit::new(50).expect("a limit"),
        after: None,
    };

    let mut group = criterion.benchmark_group("use case");
    group.bench_function("authenticate", |bencher| {
        bencher.to_async(&actix).iter(|| auth.authenticate(black_box(&backend.token)));
    });
    group.bench_function("find one of 1,000", |bencher| {
        bencher.to_async(&actix).iter(|| list.find(owner, black_box(&ids[MANY / 2])));
    });
    group.bench_function("page of 50", |bencher| bencher.to_async(&actix).iter(|| list.page(owner, page())));
    group.finish();
}

fn requests(criterion: &mut Criterion) {
    let actix = Actix(System::new());
    let backend = actix.0.block_on(Backend::start());
    let app = actix.0.block_on(backend.app());
    let (small, large) = (fresh_id(), fresh_id());
    for (id, length) in [(&small, SMALL), (&large, LARGE)] {
        actix.0.block_on(ask(&app, backend.put(id, length), StatusCode::CREATED));
    }
    for _ in 0..50 {
        actix.0.block_on(ask(&app, backend.put(&fresh_id(), 100), StatusCode::CREATED));
    }

    let mut group = criterion.benchmark_group("request");
    group.bench_function("list of 50", |bencher| {
        bencher.to_async(&actix).iter(|| ask(&app, backend.get("/v1/recordings?limit=50"), StatusCode::OK));
    });
    group.throughput(Throughput::Bytes(SMALL as u64));
    let small = format!("/v1/recordings/{small}/audio");
    group.bench_function("64 KiB whole", |bencher| {
        bencher.to_async(&actix).iter(|| ask(&app, backend.get(&small), StatusCode::OK));
    });
    let large = format!("/v1/recordings/{large}/audio");
    let range = (header::RANGE, format!("bytes=1000000-{}", 1_000_000 + SMALL - 1));
    group.bench_function("range of 64 KiB", |bencher| {
        bencher
            .to_async(&actix)
            .iter(|| ask(&app, backend.get(&large).insert_header(range.clone()), StatusCode::PARTIAL_CONTENT));
    });
    group.bench_function("upload of 64 KiB", |bencher| {
        bencher.to_async(&actix).iter(|| ask(&app, backend.put(&fresh_id(), SMALL), StatusCode::CREATED));
    });
    group.finish();
}

criterion_group! {
    name = micro;
    config = Criterion::default().without_plots().warm_up_time(Duration::from_secs(1));
    targets = functions, use_cases, requests
}
criterion_main!(micro);
