//! One connection of a client, and the one to the engine that goes with it.

use std::{io, pin::pin, time::Duration};

use futures_util::future::{Either, select};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, sink},
    net::{
        TcpStream,
        tcp::{ReadHalf, WriteHalf},
    },
    time::{sleep, timeout},
};

use super::{
    Shared, UnderWay,
    actions::Action,
    faults::Fault,
    reset,
    wire::{Head, Length, pass},
};

const BUFFER_BYTES: usize = 64 << 10;
/// How long the rest of a body is still taken once the answer is there.
const LINGER: Duration = Duration::from_secs(2);

/// What a store answers that does not know something of S3.
const NOT_IMPLEMENTED: &str = "<?xml version=\"1.0\"?><Error><Code>NotImplemented</Code></Error>";

/// How it goes on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    /// With another request.
    Request,
    /// Both connections end.
    Close,
    /// Both connections break.
    Reset,
}

/// Passes requests and answers on, until either side ends.
pub async fn serve(mut client: TcpStream, shared: &Shared) -> io::Result<()> {
    let mut engine = TcpStream::connect(shared.upstream).await?;
    client.set_nodelay(true)?;
    engine.set_nodelay(true)?;
    let mut wires = Wires { client: Wire::over(&mut client), engine: Wire::over(&mut engine) };
    let next = loop {
        match wires.exchange(shared).await {
            Ok(Next::Request) => {}
            Ok(next) => break next,
            Err(_) => break Next::Close,
        }
    };
    if next == Next::Reset {
        reset(&client);
        reset(&engine);
    }
    Ok(())
}

struct Wire<'a> {
    reader: BufReader<ReadHalf<'a>>,
    writer: WriteHalf<'a>,
}

impl<'a> Wire<'a> {
    fn over(stream: &'a mut TcpStream) -> Self {
        let (reader, writer) = stream.split();
        Self { reader: BufReader::with_capacity(BUFFER_BYTES, reader), writer }
    }
}

struct Wires<'a> {
    client: Wire<'a>,
    engine: Wire<'a>,
}

impl Wires<'_> {
    async fn exchange(&mut self, shared: &Shared) -> io::Result<Next> {
        let Some(request) = self.next_request().await? else { return Ok(Next::Close) };
        let _until_answered = UnderWay::begin(shared);
        let action = Action::of(&request);
        let fault = shared.admit(&action);
        let answer = fault.and_then(|fault| fault.answer(action.service));
        match fault {
            _ if let Some((status, body)) = answer => self.answer_instead(&request, status, &body).await,
            Some(Fault::ResetBefore) => Ok(Next::Reset),
            Some(Fault::ResetInBody) => self.break_off(&request).await,
            Some(Fault::LostReply) => self.swallow_reply(&request).await,
            Some(Fault::CutReply) => self.cut_reply(&request).await,
            Some(Fault::FlipBit) => self.flip_bit(&request).await,
            Some(Fault::NoConditions) if ["if-match", "if-none-match"].iter().any(|it| request.field(it).is_some()) => {
                self.answer_instead(&request, "501 Not Implemented", NOT_IMPLEMENTED).await
            }
            Some(Fault::Delay(time)) => {
                sleep(time).await;
                self.pass_on(&request).await
            }
            Some(Fault::Hold) => {
                // An error says that the gate is gone, which it is not before the proxy.
                let _ = shared.gate.acquire().await;
                self.pass_on(&request).await
            }
            _ => self.pass_on(&request).await,
        }
    }

    /// Waits for the client; an engine that ends meanwhile ends both.
    async fn next_request(&mut self) -> io::Result<Option<Head>> {
        let request = pin!(Head::read(&mut self.client.reader));
        let end = pin!(self.engine.reader.fill_buf());
        match select(request, end).await {
            Either::Left((request, _)) => request,
            Either::Right(_) => Ok(None),
        }
    }

    async fn pass_on(&mut self, request: &Head) -> io::Result<Next> {
        let Self { client, engine } = self;
        engine.writer.write_all(&request.bytes).await?;
        let sending = pin!(pass(&mut client.reader, &mut engine.writer, request.request_length()));
        let answering = pin!(pass_answer(&mut engine.reader, &mut client.writer, request.method()));
        match select(sending, answering).await {
            Either::Left((Ok(()), answering)) => answering.await,
            // The engine takes no more, and may have said why.
            Either::Left((Err(_), answering)) => answering.await.map(|_| Next::Close),
            Either::Right((next, sending)) => match timeout(LINGER, sending).await {
                Ok(Ok(())) => next,
                _ => Ok(Next::Close),
            },
        }
    }

    /// Answers for the engine, which never hears of it.
    async fn answer_instead(&mut self, request: &Head, status: &str, body: &str) -> io::Result<Next> {
        let is_waiting = request.field("expect").is_some();
        if !is_waiting {
            pass(&mut self.client.reader, &mut sink(), request.request_length()).await?;
        }
        let body = if request.method() == "HEAD" { "" } else { body };
        let length = body.len();
        let head = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nx-amzn-requestid: injected\r\n\r\n");
        self.client.writer.write_all((head + body).as_bytes()).await?;
        Ok(if is_waiting { Next::Close } else { Next::Request })
    }

    async fn break_off(&mut self, request: &Head) -> io::Result<Next> {
        let half = match request.request_length() {
            Length::Known(bytes) => bytes / 2,
            Length::Chunked | Length::UntilClose => 1,
        };
        self.engine.writer.write_all(&request.bytes).await?;
        if request.field("expect").is_none() {
            pass(&mut self.client.reader, &mut self.engine.writer, Length::Known(half)).await?;
        }
        Ok(Next::Reset)
    }

    async fn swallow_reply(&mut self, request: &Head) -> io::Result<Next> {
        self.send_whole(request).await?;
        pass_answer(&mut self.engine.reader, &mut sink(), request.method()).await?;
        Ok(Next::Reset)
    }

    async fn cut_reply(&mut self, request: &Head) -> io::Result<Next> {
        self.send_whole(request).await?;
        let answer = final_head(&mut self.engine.reader, &mut sink()).await?;
        match answer.response_length(request.method()) {
            Length::Known(bytes) if bytes > 1 => {
                self.client.writer.write_all(&answer.bytes).await?;
                pass(&mut self.engine.reader, &mut self.client.writer, Length::Known(bytes / 2)).await?;
            }
            _ => self.client.writer.write_all(&answer.bytes[..answer.bytes.len() / 2]).await?,
        }
        Ok(Next::Reset)
    }

    async fn flip_bit(&mut self, request: &Head) -> io::Result<Next> {
        let Length::Known(length @ 1..) = request.request_length() else { return self.pass_on(request).await };
        let Wires { client, engine } = self;
        if request.field("expect").is_some() {
            client.writer.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
        }
        engine.writer.write_all(&request.bytes).await?;
        pass(&mut client.reader, &mut engine.writer, Length::Known(length - 1)).await?;
        let last = client.reader.read_u8().await?;
        engine.writer.write_all(&[last ^ 1]).await?;
        pass_answer(&mut engine.reader, &mut client.writer, request.method()).await
    }

    async fn send_whole(&mut self, request: &Head) -> io::Result<()> {
        if request.field("expect").is_some() {
            // It waits for leave to send the body.
            self.client.writer.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
        }
        self.engine.writer.write_all(&request.bytes).await?;
        pass(&mut self.client.reader, &mut self.engine.writer, request.request_length()).await
    }
}

async fn pass_answer<R, W>(reader: &mut R, writer: &mut W, method: &str) -> io::Result<Next>
where
    R: tokio::io::AsyncBufRead + Unpin,
    W: tokio::io::AsyncWrite + Unpin,
{
    let answer = final_head(reader, writer).await?;
    let length = answer.response_length(method);
    writer.write_all(&answer.bytes).await?;
    pass(reader, writer, length).await?;
    Ok(if answer.is_last() || length == Length::UntilClose { Next::Close } else { Next::Request })
}

/// The head of the answer itself; those that only say to go on are passed on before it.
async fn final_head<R, W>(reader: &mut R, writer: &mut W) -> io::Result<Head>
where
    R: tokio::io::AsyncBufRead + Unpin,
    W: tokio::io::AsyncWrite + Unpin,
{
    loop {
        let head = Head::read(reader).await?.ok_or(io::ErrorKind::UnexpectedEof)?;
        if !(100..200).contains(&head.status()) {
            return Ok(head);
        }
        writer.write_all(&head.bytes).await?;
    }
}
