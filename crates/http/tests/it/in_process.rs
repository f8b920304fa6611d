//! The app as a client that needs no connection.

use std::{
    rc::Rc,
    sync::{
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
};

use actix_web::{
    App, Error,
    body::{self, BodySize, MessageBody},
    dev::{Service, ServiceResponse},
    http::{Method, StatusCode, Uri, header},
    rt::{self, System},
    test::{TestRequest, init_service},
};
use tapebase_config::{Config, Url};
use tapebase_conformance::http::{Client, Request, Response};
use tapebase_domain::{Services, ports::Ports};
use tapebase_http::{HttpPolicy, Tasks, routes::routes, wrapped};
use tokio::{
    runtime::Handle,
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
};

/// An app with as many workers as there are cores, each of which answers any number of requests at once.
pub struct InProcess {
    workers: Vec<UnboundedSender<Work>>,
    next: AtomicUsize,
}

/// A request, and where its answer goes.
type Work = (Uri, Request, mpsc::Sender<Response>);

impl InProcess {
    /// Starts the app the server has, over stores in memory.
    pub fn start(config: Config) -> Self {
        let memory = Some(Url::new("memory:".to_owned()));
        let config = Config { records: memory.clone(), blobs: memory, ..config };
        let locations = config.locations().expect("memory");
        let ports = System::new().block_on(locations.connect()).expect("stores");
        let services = Services::new(&ports, &config.policy().expect("a policy"));
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let workers = (0..cores).map(|_| work(services.clone(), ports.clone(), config.http_policy())).collect();
        Self { workers, next: AtomicUsize::new(0) }
    }
}

impl Client for &InProcess {
    fn send(&self, request: &Request) -> Response {
        let Ok(uri) = Uri::try_from(&request.target) else {
            // A connection refuses by itself what is no URI.
            return Response { status: 400, headers: Vec::new(), body: Vec::new() };
        };
        let (sender, answer) = mpsc::channel();
        let worker = &self.workers[self.next.fetch_add(1, Ordering::Relaxed) % self.workers.len()];
        worker.send((uri, request.clone(), sender)).expect("the app runs");
        answer.recv().unwrap_or_else(|_| panic!("no answer to {} {}", request.method, request.target))
    }
}

/// Starts a worker, and says where its work goes.
fn work(services: Services, ports: Ports, policy: HttpPolicy) -> UnboundedSender<Work> {
    let (sender, receiver) = unbounded_channel();
    thread::spawn(|| System::new().block_on(serve(services, ports, policy, receiver)));
    sender
}

async fn serve(services: Services, ports: Ports, policy: HttpPolicy, mut requests: UnboundedReceiver<Work>) {
    let origins = policy.allowed_origins.clone();
    let routes = routes(services, ports, policy, Tasks::new(Handle::current(), usize::MAX));
    let app = Rc::new(init_service(wrapped(App::new(), &origins).configure(routes)).await);
    while let Some((uri, request, answer)) = requests.recv().await {
        let app = app.clone();
        rt::spawn(async move {
            // Whoever asked may have failed meanwhile.
            let _ = answer.send(respond(&*app, uri, &request).await);
        });
    }
}

async fn respond<B: MessageBody>(
    app: &impl Service<actix_http::Request, Response = ServiceResponse<B>, Error = Error>,
    uri: Uri,
    request: &Request,
) -> Response {
    let is_head = request.method == "HEAD";
    let response = app.call(read(uri, request)).await.unwrap_or_else(|error| panic!("the app fails: {error}"));
    let (_, response) = response.into_parts();
    let (head, body) = response.into_parts();
    let status = head.status();
    let lines = head.headers().iter();
    let text = |value: &header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let mut headers: Vec<_> = lines.map(|(name, value)| (name.to_string(), text(value))).collect();
    // A connection adds these.
    if let BodySize::Sized(length) = body.size()
        && !matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
    {
        headers.push(("content-length".to_owned(), length.to_string()));
    }
    let body = if is_head { Vec::new() } else { body::to_bytes(body).await.ok().expect("a whole body").to_vec() };
    Response { status: status.as_u16(), headers, body }
}

/// The request as a connection would have read it.
fn read(uri: Uri, request: &Request) -> actix_http::Request {
    let method = Method::from_bytes(request.method.as_bytes()).expect("a method");
    let mut read = TestRequest::default().method(method).set_payload(request.body.clone());
    let announces = |name: &str| request.headers.iter().any(|(key, _)| key.eq_ignore_ascii_case(name));
    if !announces("Host") {
        read = read.append_header((header::HOST, "test"));
    }
    let takes_body = matches!(request.method, "PUT" | "POST" | "PATCH") || !request.body.is_empty();
    if takes_body && !announces("Content-Length") {
        read = read.append_header((header::CONTENT_LENGTH, request.body.len()));
    }
    for (name, value) in &request.headers {
        let value = header::HeaderValue::from_bytes(value.trim_ascii()).expect("a header");
        read = read.append_header((name.as_str(), value));
    }
    let mut read = read.to_request();
    read.head_mut().uri = uri;
    read
}
