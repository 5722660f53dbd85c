//! Scheduler, credits and the order of appends, end to end and apart.

use std::collections::BTreeMap;

use bytes::Bytes;
use nearside_channel::codec;
use nearside_channel::message::*;
use nearside_channel::scheduler::{Class, MAX_CONTROL_QUEUE, PushError, Scheduler};
use nearside_channel::stream::{
    AppendAssembler, AppendError, CREDITS, CreditError, CreditReceiver, CreditSender, MAX_APPEND,
    MAX_STREAMS, Step,
};
use nearside_channel::wire::{FrameReader, Kind, MAX_STREAM_BODY};
use proptest::collection::vec;
use proptest::prelude::*;

const QUEUE: usize = 1 << 20;

fn append(seq: u32, bytes: usize) -> StreamCommand {
    StreamCommand::Append {
        seq,
        bytes: u32::try_from(bytes).unwrap(),
        timestamp_offset_micros: 0,
        window_start_micros: 0,
        window_end_micros: None,
        mode: AppendMode::Segments,
    }
}

/// The device's end: reads frames, checks credit and order, keeps what arrived.
struct Device {
    reader: FrameReader,
    credits: CreditReceiver,
    streams: BTreeMap<StreamId, (AppendAssembler, Vec<u8>)>,
    /// Arrived and not consumed.
    held: Vec<(StreamId, usize)>,
    order: Vec<(Kind, StreamId)>,
}

impl Device {
    fn new(limits: CreditLimits, streams: &[StreamId]) -> Self {
        let mut credits = CreditReceiver::new(limits);
        for stream in streams {
            credits.open(*stream).unwrap();
        }
        let streams = streams.iter().map(|stream| (*stream, Default::default())).collect();
        let reader = FrameReader::default();
        Self { reader, credits, streams, held: Vec::new(), order: Vec::new() }
    }

    fn read(&mut self, mut chunk: &[u8]) {
        while let Some(frame) = self.reader.next_frame(&mut chunk).unwrap() {
            let stream = frame.stream();
            self.order.push((frame.kind(), stream));
            if frame.kind() == Kind::Control {
                codec::decode_host(&frame.body).unwrap();
                continue;
            }
            self.credits.arrived(stream, frame.body.len()).unwrap();
            self.held.push((stream, frame.body.len()));
            let (order, media) = self.streams.get_mut(&stream).unwrap();
            if frame.kind() == Kind::Command {
                order.command(&codec::decode_command(&frame.body).unwrap()).unwrap();
            } else {
                order.media(frame.body.len()).unwrap();
                media.extend_from_slice(&frame.body);
            }
        }
    }

    /// Consumes everything and returns the grants.
    fn consume(&mut self) -> Vec<(StreamId, u32)> {
        for (stream, bytes) in self.held.drain(..) {
            self.credits.consumed(stream, bytes).unwrap();
        }
        std::iter::from_fn(|| self.credits.next_grant()).collect()
    }
}

fn streams(count: u16) -> Vec<StreamId> {
    (1..=count).map(StreamId).collect()
}

fn scheduler(
    limits: CreditLimits,
    streams: &[StreamId],
    class: fn(StreamId) -> Class,
) -> Scheduler {
    let mut scheduler = Scheduler::new(limits, QUEUE);
    for stream in streams {
        scheduler.open(*stream, class(*stream)).unwrap();
    }
    scheduler
}

fn push_append(scheduler: &mut Scheduler, stream: StreamId, seq: u32, media: &[u8]) {
    scheduler.push_command(stream, &append(seq, media.len())).unwrap();
    let taken = scheduler.push_media(stream, &mut Bytes::copy_from_slice(media)).unwrap();
    assert_eq!(taken, media.len());
}

proptest! {
    // Each case moves megabytes.
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever is pushed arrives: in order on each stream, within the credit, never stuck.
    #[test]
    fn everything_arrives(
        appends in vec((0..40u16, vec(any::<u8>(), 1..50_000)), 1..40),
        total_kib in 64..300u32, per_stream_kib in 64..300u32,
        chunk_length in 1..100_000usize, holds in vec(0..300u32, 0..20),
    ) {
        let limits = CreditLimits {
            total_bytes: total_kib << 10,
            per_stream_bytes: per_stream_kib << 10,
        };
        let ids = streams(40);
        let class = |stream: StreamId| if stream.0.is_multiple_of(2) { Class::Audio } else { Class::Video };
        let mut host = scheduler(limits, &ids, class);
        let mut device = Device::new(limits, &ids);
        let mut pushed: BTreeMap<StreamId, Vec<u8>> = BTreeMap::new();
        let mut holds = holds.iter();
        for (seq, (index, media)) in (0..).zip(&appends) {
            // The line becomes slow, and fast again.
            device.credits.hold(holds.next().map_or(0, |kib| kib << 10));
            let stream = ids[usize::from(*index)];
            let mut rest = Bytes::copy_from_slice(media);
            let mut is_begun = false;
            while !is_begun || !rest.is_empty() {
                // A full queue is an answer, not an end: drain and go on.
                if !is_begun {
                    is_begun = match host.push_command(stream, &append(seq, media.len())) {
                        Ok(()) => true,
                        Err(PushError::Full) => false,
                        Err(error) => panic!("{error}"),
                    };
                }
                if is_begun && host.push_media(stream, &mut rest).unwrap() > 0 {
                    continue;
                }
                prop_assert!(transfer(&mut host, &mut device, chunk_length) > 0, "stuck");
            }
            pushed.entry(stream).or_default().extend_from_slice(media);
        }
        while !host.is_empty() {
            prop_assert!(transfer(&mut host, &mut device, chunk_length) > 0, "stuck");
        }
        for (stream, media) in pushed {
            prop_assert!(device.streams[&stream].1 == media, "media of {stream:?}");
        }
    }
}

/// Sends all that may be sent, lets the device consume it, grants. Returns the bytes sent.
fn transfer(host: &mut Scheduler, device: &mut Device, chunk_length: usize) -> usize {
    let mut out = Vec::new();
    while host.next_frame(&mut out) {}
    for chunk in out.chunks(chunk_length) {
        device.read(chunk);
    }
    for (stream, bytes) in device.consume() {
        host.grant(stream, bytes).unwrap();
    }
    out.len()
}

#[test]
fn control_before_audio_before_video_in_turns() {
    let ids = streams(4);
    let class = |stream: StreamId| if stream.0 <= 2 { Class::Video } else { Class::Audio };
    let mut host = scheduler(CREDITS, &ids, class);
    for stream in &ids {
        push_append(&mut host, *stream, 1, &vec![0; 20_000]);
    }
    host.push_control(&HostMessage::Ping { seq: 1 }).unwrap();
    let mut device = Device::new(CREDITS, &ids);
    let mut out = Vec::new();
    while host.next_frame(&mut out) {}
    device.read(&out);
    let order: Vec<_> = device.order.iter().map(|(kind, stream)| (kind.byte(), stream.0)).collect();
    let expected = [
        (1, 0),
        // Audio streams 3 and 4: command, 16 KiB, the rest.
        (2, 3),
        (2, 4),
        (3, 3),
        (3, 4),
        (3, 3),
        (3, 4),
        (2, 1),
        (2, 2),
        (3, 1),
        (3, 2),
        (3, 1),
        (3, 2),
    ];
    assert_eq!(order, expected);
}

#[test]
fn control_passes_when_the_credit_is_spent() {
    let ids = streams(3);
    let mut host = scheduler(CREDITS, &ids, |_| Class::Video);
    for stream in &ids {
        push_append(&mut host, *stream, 1, &vec![0; 200_000]);
    }
    let mut out = Vec::new();
    while host.next_frame(&mut out) {}
    assert!(host.in_flight() <= CREDITS.total_bytes);
    let in_flight = usize::try_from(host.in_flight()).unwrap();
    assert!(200 << 10 < in_flight, "the window is used: {in_flight}");
    out.clear();
    host.push_control(&HostMessage::Ping { seq: 1 }).unwrap();
    assert!(host.next_frame(&mut out) && !host.next_frame(&mut out));
}

#[test]
fn a_removed_stream_gives_its_credit_to_the_others() {
    let ids = streams(3);
    let mut host = scheduler(CREDITS, &ids, |_| Class::Video);
    let mut device = Device::new(CREDITS, &ids);
    push_append(&mut host, ids[0], 1, &vec![0; 200_000]);
    push_append(&mut host, ids[1], 1, &vec![0; 200_000]);
    let mut out = Vec::new();
    while host.next_frame(&mut out) {}
    device.read(&out);
    push_append(&mut host, ids[2], 1, &vec![0; 100_000]);
    out.clear();
    host.remove(ids[0]);
    device.credits.remove(ids[0]);
    while host.next_frame(&mut out) {}
    device.read(&out);
    assert_eq!(device.streams[&ids[2]].1.len(), 100_000);
    // The grant that crossed the removal is no error.
    assert_eq!(host.grant(ids[0], 16_384), Ok(()));
    assert_eq!(
        host.push_command(ids[0], &StreamCommand::Abort),
        Err(PushError::UnknownStream { stream: ids[0] })
    );
}

#[test]
fn many_streams_with_a_little_each_do_not_hold_back_the_window() {
    let ids = streams(256);
    let mut host = scheduler(CREDITS, &ids, |_| Class::Audio);
    let mut device = Device::new(CREDITS, &ids);
    for _ in 0..4 {
        for stream in &ids {
            push_append(&mut host, *stream, 1, &[0; 2000]);
        }
    }
    while !host.is_empty() {
        assert!(transfer(&mut host, &mut device, usize::MAX) > 0, "stuck");
    }
}

#[test]
fn queues_are_bounded() {
    let ids = streams(1);
    let mut host = scheduler(CREDITS, &ids, |_| Class::Video);
    host.push_command(ids[0], &append(1, 8 << 20)).unwrap();
    let mut media = Bytes::from(vec![0; 8 << 20]);
    let taken = host.push_media(ids[0], &mut media).unwrap();
    assert!(QUEUE / 2 < taken && taken <= QUEUE);
    assert_eq!(media.len(), (8 << 20) - taken);
    assert_eq!((host.push_media(ids[0], &mut media), host.room(ids[0])), (Ok(0), 0));

    // What leaves the queue makes room for as much.
    let mut device = Device::new(CREDITS, &ids);
    while !host.is_empty() {
        transfer(&mut host, &mut device, usize::MAX);
    }
    assert_eq!(host.push_media(ids[0], &mut media), Ok(QUEUE - 64));

    // Tiny entries count too.
    let ids = streams(1);
    let mut host = scheduler(CREDITS, &ids, |_| Class::Video);
    let pushed =
        (0..QUEUE).take_while(|_| host.push_command(ids[0], &StreamCommand::Abort).is_ok());
    assert!(pushed.count() < QUEUE / 64);

    let title = "x".repeat(1000);
    let open = HostMessage::PageOpen { page: PageId(1), site: String::new(), title };
    let pushed = (0..).take_while(|_| host.push_control(&open) != Err(PushError::Full)).count();
    assert!((MAX_CONTROL_QUEUE / 1200..=MAX_CONTROL_QUEUE / 1000).contains(&pushed), "{pushed}");
}

#[test]
fn the_scheduler_refuses_what_the_device_would() {
    let stream = StreamId(1);
    let mut host = scheduler(CREDITS, &[stream], |_| Class::Video);
    let refused = host.push_media(stream, &mut Bytes::from_static(b"x"));
    assert_eq!(refused, Err(PushError::Order(AppendError::MediaWithoutAppend { bytes: 1 })));

    let mut host = scheduler(CREDITS, &[stream], |_| Class::Video);
    host.push_command(stream, &append(1, 2)).unwrap();
    let inside = AppendError::CommandInsideAppend { seq: 1, remaining: 2 };
    assert_eq!(host.push_command(stream, &StreamCommand::Abort), Err(PushError::Order(inside)));
    let mut media = Bytes::from_static(b"xyz");
    let too_much = AppendError::TooMuchMedia { seq: 1, remaining: 2, bytes: 3 };
    assert_eq!(host.push_media(stream, &mut media), Err(PushError::Order(too_much)));
    // Refusals change nothing: the append can be finished.
    assert_eq!(host.push_media(stream, &mut Bytes::from_static(b"xy")), Ok(2));
}

#[test]
fn sender_errors() {
    let stream = StreamId(1);
    let mut credits = CreditSender::new(CREDITS);
    assert_eq!(credits.available(stream), 0);
    assert_eq!(credits.consume(stream, 1), Err(CreditError::UnknownStream { stream }));
    assert_eq!(credits.open(StreamId(0)), Err(CreditError::ControlStream));
    credits.open(stream).unwrap();
    assert_eq!(credits.open(stream), Err(CreditError::AlreadyOpen { stream }));
    credits.consume(stream, 100).unwrap();
    let available = CREDITS.per_stream_bytes - 100;
    for bytes in [available + 1, u32::MAX] {
        let exceeded = CreditError::Exceeded { stream, bytes, available };
        assert_eq!(credits.consume(stream, bytes), Err(exceeded));
    }
    for bytes in [101, u32::MAX] {
        let over = CreditError::OverGrant { stream, bytes, in_flight: 100 };
        assert_eq!(credits.grant(stream, bytes), Err(over));
    }
    assert_eq!(credits.grant(stream, 100), Ok(()));
    for stream in 2..=MAX_STREAMS {
        credits.open(StreamId(u16::try_from(stream).unwrap())).unwrap();
    }
    assert_eq!(credits.open(StreamId(u16::MAX)), Err(CreditError::TooManyStreams));
}

#[test]
fn receiver_refuses_a_peer_that_exceeds_its_credit() {
    let [a, b, c] = [StreamId(1), StreamId(2), StreamId(3)];
    let mut credits = CreditReceiver::new(CREDITS);
    for stream in [a, b, c] {
        credits.open(stream).unwrap();
    }
    for stream in [a, b] {
        for _ in 0..8 {
            credits.arrived(stream, MAX_STREAM_BODY).unwrap();
        }
    }
    for stream in [a, c] {
        let exceeded = CreditError::Exceeded { stream, bytes: 1, available: 0 };
        assert_eq!(credits.arrived(stream, 1), Err(exceeded));
    }
    let stream = StreamId(9);
    assert_eq!(credits.arrived(stream, 1), Err(CreditError::UnknownStream { stream }));
    assert_eq!(credits.consumed(stream, 1), Err(CreditError::UnknownStream { stream }));
    let over = CreditError::OverGrant { stream: c, bytes: 1, in_flight: 0 };
    assert_eq!(credits.consumed(c, 1), Err(over));
}

#[test]
fn grants_are_batched() {
    let stream = StreamId(1);
    let mut credits = CreditReceiver::new(CREDITS);
    credits.open(stream).unwrap();
    credits.arrived(stream, 30_000).unwrap();
    credits.consumed(stream, 10_000).unwrap();
    assert_eq!(credits.next_grant(), None);
    credits.consumed(stream, 10_000).unwrap();
    assert_eq!(credits.next_grant(), Some((stream, 20_000)));
    assert_eq!(credits.next_grant(), None);
}

#[test]
fn order_within_a_stream() {
    let mut order = AppendAssembler::default();
    assert_eq!(order.command(&append(1, 5)), Ok(Step::Inside { seq: 1, remaining: 5 }));
    assert_eq!(order.media(3), Ok(Step::Inside { seq: 1, remaining: 2 }));
    assert_eq!(order.media(2), Ok(Step::Whole { seq: 1 }));
    assert_eq!(order.command(&StreamCommand::Abort), Ok(Step::Between));
    assert_eq!(order.command(&append(2, 0)), Ok(Step::Whole { seq: 2 }));
    let bytes = usize::try_from(MAX_APPEND).unwrap();
    assert!(order.clone().command(&append(3, bytes)).is_ok());

    let too_large = order.clone().command(&append(3, bytes + 1));
    assert_eq!(too_large, Err(AppendError::TooLarge { bytes: MAX_APPEND + 1 }));
    assert_eq!(order.media(1), Err(AppendError::MediaWithoutAppend { bytes: 1 }));
    assert_eq!(order.command(&StreamCommand::Abort), Err(AppendError::Failed), "final");
    assert_eq!(order.media(1), Err(AppendError::Failed), "final");
}
