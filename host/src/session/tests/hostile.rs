//! Browsers that break the rules, and whatever two of them may say in whatever order.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use nearside_channel::extension::{ExtensionMessage, HostEvent};
use nearside_channel::message::{
    DeviceMessage, HostMessage, PageId, PlayerCommand, PlayerEvent, PlayerId, PlayerKind,
    SessionPolicy, Source, StreamCommand, StreamId, TimeRange,
};
use proptest::prelude::*;

use super::super::BrowserId;
use super::{A, B, PAGE, PLAYER, Rig, STREAM, append, hello};

#[test]
fn what_breaks_the_rules_closes_one_port() {
    let wrong = |protocol| ExtensionMessage::Hello {
        protocol,
        extension_version: String::new(),
        browser: String::new(),
    };
    let media = |data: &str| ExtensionMessage::Media { stream: STREAM, data: data.to_owned() };
    let player = |command| ExtensionMessage::Player { page: PAGE, player: PLAYER, command };
    let mime = "video/webm".to_owned();
    let cases = [
        hello(),
        wrong(99),
        media("not base64!"),
        media(&"A".repeat(3 << 20)),
        player(PlayerCommand::Rate { rate: f64::NAN, preserves_pitch: true }),
        player(PlayerCommand::AddStream { stream: StreamId(0), mime: mime.clone() }),
        player(PlayerCommand::AddStream { stream: STREAM, mime }),
        ExtensionMessage::Buffered {
            stream: STREAM,
            seq: 1,
            buffered: vec![TimeRange { start_micros: 0, end_micros: 0 }; 5000],
        },
    ];
    for case in cases {
        let mut rig = Rig::connected();
        rig.open(A);
        rig.open(B);
        rig.say(A, case.clone());
        assert_eq!(rig.closed, [A], "{case:?}");
        assert!(matches!(rig.events.last(), Some((A, HostEvent::Refused { .. }))));
        assert_eq!(rig.session.page_count(), 1);
        rig.append(B, 1, b"lives");
    }
    let mut rig = Rig::new(SessionPolicy::default());
    rig.session.browser_came(A);
    rig.say(A, ExtensionMessage::PageClose { page: PAGE });
    assert_eq!(rig.closed, [A], "something before the greeting");
}

#[test]
fn a_stream_out_of_order_fails_its_player_only() {
    let mut rig = Rig::connected();
    rig.open(A);
    rig.append(A, 1, b"whole");
    rig.say(A, ExtensionMessage::Media { stream: STREAM, data: "AAAA".to_owned() });
    assert_eq!(rig.closed, []);
    let (_, event) = rig.events.last().unwrap();
    let HostEvent::Device { message: DeviceMessage::Player { event, .. } } = event else {
        panic!("{event:?}")
    };
    assert!(matches!(event, PlayerEvent::Failed { .. }));
    let page = rig.last_page();
    let close = HostMessage::Player { page, player: PLAYER, command: PlayerCommand::Close };
    assert_eq!(rig.control.last(), Some(&close));
    // What is still on its way for it is no offence.
    rig.append(A, 2, b"late");
    rig.player(A, PlayerCommand::Pause);
    assert_eq!(rig.control.last(), Some(&close));
}

fn message() -> impl Strategy<Value = ExtensionMessage> {
    let page = || (0..3_u32).prop_map(PageId);
    let player = || (0..3_u32).prop_map(PlayerId);
    let stream = || (0..4_u16).prop_map(StreamId);
    let command = prop_oneof![
        Just(PlayerCommand::Open { kind: PlayerKind::Video, source: Source::Mse }),
        Just(PlayerCommand::Close),
        Just(PlayerCommand::Play),
        (stream()).prop_map(|stream| PlayerCommand::AddStream { stream, mime: "video/mp4".into() }),
        (stream()).prop_map(|stream| PlayerCommand::RemoveStream { stream }),
        any::<i64>().prop_map(|to_micros| PlayerCommand::Seek { to_micros, token: 0 }),
        any::<Option<i64>>()
            .prop_map(|duration_micros| PlayerCommand::Duration { duration_micros }),
    ];
    let stream_command = prop_oneof![
        (any::<u32>(), 0..20_usize).prop_map(|(seq, bytes)| append(seq, bytes)),
        Just(StreamCommand::Abort),
        (any::<i64>(), any::<Option<i64>>()).prop_map(|(start_micros, end_micros)| {
            StreamCommand::Remove { start_micros, end_micros }
        }),
        Just(StreamCommand::EndOfStream { failed: false }),
    ];
    let range = (any::<i64>(), any::<i64>())
        .prop_map(|(start_micros, end_micros)| TimeRange { start_micros, end_micros });
    prop_oneof![
        1 => Just(hello()),
        2 => page().prop_map(|page| ExtensionMessage::PageOpen {
            page, site: String::new(), title: String::new()
        }),
        1 => page().prop_map(|page| ExtensionMessage::PageClose { page }),
        8 => (page(), player(), command).prop_map(|(page, player, command)| {
            ExtensionMessage::Player { page, player, command }
        }),
        6 => (page(), stream(), stream_command).prop_map(|(page, stream, command)| {
            ExtensionMessage::Stream { page, stream, command }
        }),
        6 => (stream(), proptest::collection::vec(any::<u8>(), 0..20)).prop_map(|(stream, data)| {
            ExtensionMessage::Media { stream, data: STANDARD.encode(data) }
        }),
        3 => (stream(), any::<u32>(), proptest::collection::vec(range, 0..4)).prop_map(
            |(stream, seq, buffered)| ExtensionMessage::Buffered { stream, seq, buffered }
        ),
        1 => any::<bool>().prop_map(|start| ExtensionMessage::CollectLogs { start }),
    ]
}

proptest! {
    /// Whatever two browsers say, the device is told only what it would accept.
    #[test]
    fn nothing_that_browsers_say_reaches_the_device_out_of_order(
        said in proptest::collection::vec((any::<bool>(), message()), 1..200),
        reconnects in proptest::collection::btree_set(0..200_usize, 0..4),
    ) {
        let mut rig = Rig::connected();
        let mut next = 3;
        let mut browsers = [A, B];
        for (index, (first, message)) in said.into_iter().enumerate() {
            if reconnects.contains(&index) {
                rig.session.no_device(None);
                rig.control.clear();
                rig.commands.clear();
                rig.media.clear();
                rig.connect();
            }
            // One that was refused comes again.
            let browser = &mut browsers[usize::from(first)];
            if rig.closed.contains(browser) {
                *browser = BrowserId(next);
                next += 1;
                rig.session.browser_came(*browser);
                rig.say(*browser, hello());
            }
            rig.say(*browser, message);
        }
        check_order(&rig.control);
    }
}

/// Pages and streams are opened before they are used, and once.
fn check_order(control: &[HostMessage]) {
    let mut pages = BTreeMap::new();
    let mut used = BTreeSet::new();
    for message in control {
        match message {
            HostMessage::PageOpen { page, .. } => {
                assert!(used.insert(*page), "a page's number is used once");
                pages.insert(*page, BTreeMap::<PlayerId, Vec<StreamId>>::new());
            }
            HostMessage::PageClose { page } => {
                pages.remove(page).expect("an open page is closed");
            }
            HostMessage::Player { page, player, command } => {
                let players = pages.get_mut(page).expect("the page is open");
                match command {
                    PlayerCommand::Open { .. } => {
                        assert_eq!(players.insert(*player, Vec::new()), None, "opened once");
                    }
                    PlayerCommand::Close => {
                        players.remove(player).expect("an open player is closed");
                    }
                    PlayerCommand::AddStream { stream, .. } => {
                        players.get_mut(player).expect("the player is open").push(*stream);
                    }
                    PlayerCommand::RemoveStream { stream } => {
                        let streams = players.get_mut(player).expect("the player is open");
                        let at = streams.iter().position(|other| other == stream);
                        streams.remove(at.expect("an open stream is removed"));
                    }
                    _ => assert!(players.contains_key(player), "the player is open"),
                }
            }
            _ => panic!("the link's own business"),
        }
    }
}
