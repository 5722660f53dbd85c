//! The output against a real PulseAudio: a private server without hardware, its null sink recorded
//! by `parec`. Needs the packages `pulseaudio` and `pulseaudio-utils`.
//!
//! cpal finds the server by the environment, so the player is a process of its own: this test
//! program again, running only [`player`], with `XDG_RUNTIME_DIR` set.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread::Builder;
use std::time::{Duration, Instant};

use super::num::{micros_from_frames, usize_from_u32};
use super::{CHANNELS, Output, OutputConfig, tone};
use crate::time::Pts;

/// Far beyond anything that happens here; reached only when something hangs.
const PATIENCE: Duration = Duration::from_secs(30);

/// A private sound server, ended with this value.
struct Server<'a> {
    home: &'a Path,
    pid: String,
}

fn run(home: &Path, program: &str, arguments: &[&str]) -> String {
    let output = command(home, program).args(arguments).output();
    let output = output.unwrap_or_else(|error| {
        panic!("cannot run {program} ({error}): install pulseaudio and pulseaudio-utils")
    });
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {errors}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn command(home: &Path, program: &str) -> Command {
    let mut command = Command::new(program);
    command.env("HOME", home).env("XDG_RUNTIME_DIR", home).env("LC_ALL", "C");
    for name in ["PULSE_SERVER", "PULSE_RUNTIME_PATH", "PULSE_COOKIE", "PULSE_SINK"] {
        command.env_remove(name);
    }
    command
}

impl<'a> Server<'a> {
    /// Returns when the server is ready: it goes to the background only then.
    fn start(home: &'a Path) -> Self {
        Self::start_with(home, "norewinds=1")
    }

    /// Without `norewinds=1` the idle sink is two seconds ahead when a stream starts.
    fn start_with(home: &'a Path, option: &str) -> Self {
        let first = &format!(
            "module-null-sink sink_name=first {option} rate=48000 channels=2 \
             sink_properties=device.description=First"
        );
        let protocol = "module-native-protocol-unix auth-anonymous=1";
        let options = ["--daemonize=yes", "--exit-idle-time=-1", "--use-pid-file=yes", "-n"];
        run(home, "pulseaudio", &[&options[..], &["-L", protocol, "-L", first]].concat());
        let pid = std::fs::read_to_string(home.join("pulse/pid")).unwrap().trim().to_owned();
        run(home, "pactl", &["set-default-sink", "first"]);
        Self { home, pid }
    }

    fn control(&self, arguments: &[&str]) -> String {
        run(self.home, "pactl", arguments)
    }

    /// Records a second of `sink`.
    fn record(&self, sink: &str) -> Vec<f32> {
        let mut recorder = command(self.home, "parec")
            .arg(format!("--device={sink}.monitor"))
            .args(["--format=float32le", "--rate=48000", "--channels=2", "--latency-msec=20"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot run parec ({error}): install pulseaudio-utils"));
        let mut sound = recorder.stdout.take().unwrap();
        let (done, recorded) = sync_channel(1);
        let reader = Builder::new().name("recorder".to_owned()).spawn(move || {
            let mut bytes = vec![0; 48_000 * 8];
            let _ = done.send(sound.read_exact(&mut bytes).map(|()| bytes));
        });
        let bytes = recorded.recv_timeout(PATIENCE);
        recorder.kill().unwrap();
        recorder.wait().unwrap();
        reader.unwrap().join().unwrap();
        let bytes = bytes.expect("nothing was recorded").unwrap();
        let samples = bytes.chunks_exact(4);
        samples.map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap())).collect()
    }

    /// Most of a second of what `sink` plays is the tone at its level. A machine that stands still
    /// for longer than the device's buffer drops some, so another second may do.
    fn check_tone(&self, sink: &str) {
        let began = Instant::now();
        loop {
            let (good, all) = self.tone_pieces(sink);
            if good * 10 >= all * 7 {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "{sink}: {good} of {all} pieces");
        }
    }

    /// Of a second's pieces those that are the tone, and all.
    fn tone_pieces(&self, sink: &str) -> (usize, usize) {
        let recorded = self.record(sink);
        // 50 ms each: 22 whole periods.
        let pieces: Vec<_> = recorded.chunks_exact(2_400 * CHANNELS).collect();
        let is_tone = |piece: &&&[f32]| {
            let level = tone::rms(piece);
            tone::power_share(piece, 440.0, 48_000) > 0.98 && (level - 0.3535).abs() < 0.01
        };
        (pieces.iter().filter(is_tone).count(), pieces.len())
    }
}

impl Drop for Server<'_> {
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-KILL", &self.pid]).status();
    }
}

/// The player's process, ended with this value.
struct Player {
    child: Child,
    commands: Option<ChildStdin>,
    lines: Receiver<String>,
}

impl Player {
    fn start(home: &Path) -> Self {
        let program = std::env::current_exe().unwrap();
        let mut child = command(home, &program.to_string_lossy())
            .args(["--exact", "sound::pulse_tests::player", "--ignored", "--nocapture"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (line_tx, lines) = sync_channel(256);
        Builder::new()
            .name("player output".to_owned())
            .spawn(move || {
                for line in output.lines().map_while(Result::ok) {
                    if let Some((_, line)) = line.split_once("> ") {
                        let _ = line_tx.send(line.to_owned());
                    }
                }
            })
            .unwrap();
        let commands = child.stdin.take();
        Self { child, commands, lines }
    }

    fn expect(&self, wanted: &str) -> String {
        self.wait_for(wanted).0
    }

    /// The line, and those before it.
    fn wait_for(&self, wanted: &str) -> (String, Vec<String>) {
        let mut seen = Vec::new();
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) if line.starts_with(wanted) => return (line, seen),
                Ok(line) => seen.push(line),
                Err(error) => panic!("waiting for {wanted:?}: {error}; seen {seen:?}"),
            }
        }
    }

    fn ask(&mut self, command: &str) -> String {
        writeln!(self.commands.as_mut().unwrap(), "{command}").unwrap();
        self.expect(command)
    }

    /// Ends the player and checks that it ended well.
    fn finish(mut self) {
        self.commands = None;
        assert!(self.child.wait().unwrap().success(), "the player failed");
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Plays 440 Hz until its input ends, says what happens, and fails if the position goes back.
#[test]
#[ignore = "the program that the tests start and listen to: by itself it plays for ever"]
fn player() {
    let output = Output::open(OutputConfig::default());
    let (mut writer, control) = output.voice().unwrap();
    let rate_hz = output.rate_hz();
    let tenth = usize_from_u32(rate_hz / 10);
    let (written_tx, written) = sync_channel(1);
    let decoder = Builder::new().name("test decoder".to_owned()).spawn(move || {
        // A tenth of a second is 44 whole periods.
        let samples = tone::sine(440.0, rate_hz, tenth, 0.5);
        for index in 0_usize.. {
            let pts = Pts(micros_from_frames(index * tenth, rate_hz));
            if writer.write(&samples, pts, 1.0).is_err() {
                return;
            }
            let _ = written_tx.try_send(());
        }
    });
    let (command_tx, commands) = sync_channel(4);
    Builder::new()
        .name("test commands".to_owned())
        .spawn(move || {
            for line in std::io::stdin().lines().map_while(Result::ok) {
                let _ = command_tx.send(line);
            }
        })
        .unwrap();
    control.play();
    let clock = control.clock();
    let mut last = Pts(0);
    loop {
        while let Some(event) = output.next_event() {
            println!("> event {event:?}");
        }
        let position = clock.position(Instant::now()).unwrap_or_default();
        assert!(position >= last, "{position:?} after {last:?}");
        last = position;
        match commands.recv_timeout(Duration::from_millis(10)) {
            Ok(command) if command == "facts" => {
                let (facts, rms) = (output.facts(), control.rms());
                let latency_ms = facts.latency_micros / 1_000;
                println!(
                    "> facts {:?} {} Hz, rms {rms:.3}, {latency_ms} ms",
                    facts.device, facts.rate_hz
                );
            }
            Ok(command) if command == "advance" => {
                let from = position.0;
                // Each tenth of a second written is one played; the ring and the device hold less
                // than five.
                for _ in 0..10 {
                    written.recv_timeout(PATIENCE).unwrap();
                }
                let to = clock.position(Instant::now()).unwrap_or_default();
                assert!(to.0 - from >= 300_000, "from {from} to {to:?}");
                println!("> advance");
            }
            Ok(command) => panic!("unknown command {command:?}"),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    drop(control);
    decoder.unwrap().join().unwrap();
}

#[test]
fn the_device_plays_what_was_written_and_may_come_and_go() {
    let home = tempfile::tempdir().unwrap();
    let server = Server::start(home.path());
    let mut player = Player::start(home.path());
    player.ask("advance");
    let facts = player.ask("facts");
    assert!(facts.contains("Some(\"First\") 48000 Hz"), "{facts}");
    server.check_tone("first");

    // Another default device.
    let module = server.control(&[
        "load-module",
        "module-null-sink",
        "sink_name=second",
        "norewinds=1",
        "sink_properties=device.description=Second",
    ]);
    server.control(&["set-default-sink", "second"]);
    player.expect("event DeviceChanged { name: \"Second\" }");
    player.ask("advance");
    server.check_tone("second");

    // It is unplugged: the server falls back to the first, and moves the sound there.
    server.control(&["unload-module", &module]);
    player.expect("event DeviceChanged { name: \"First\" }");
    player.ask("advance");
    server.check_tone("first");

    // The server is gone: the system clock takes over and says so.
    drop(server);
    player.expect("event DeviceLost");
    player.expect("event NoDevice");
    player.ask("advance");
    let facts = player.ask("facts");
    assert!(facts.starts_with("facts None 48000 Hz"), "{facts}");

    // And back.
    let server = Server::start(home.path());
    player.expect("event DeviceChanged { name: \"First\" }");
    player.ask("advance");
    server.check_tone("first");
    let facts = player.ask("facts");
    assert!(facts.contains("Some(\"First\")"), "{facts}");
    player.finish();
}

#[test]
fn a_device_that_begins_late_is_not_lost() {
    let home = tempfile::tempdir().unwrap();
    let server = Server::start_with(home.path(), "norewinds=0");
    let mut player = Player::start(home.path());
    player.ask("advance");
    let late = Instant::now();
    while server.tone_pieces("first").0 == 0 {
        assert!(late.elapsed() < PATIENCE, "the sound never begins");
    }
    server.check_tone("first");
    let commands = player.commands.as_mut().unwrap();
    writeln!(commands, "facts").unwrap();
    let (facts, events) = player.wait_for("facts");
    assert!(facts.contains("Some(\"First\")"), "{facts}");
    assert!(events.is_empty(), "{events:?}");
    player.finish();
}

#[test]
fn without_a_server_the_system_clock_plays() {
    let home = tempfile::tempdir().unwrap();
    let mut player = Player::start(home.path());
    player.expect("event NoDevice");
    player.ask("advance");
    let facts = player.ask("facts");
    assert!(facts.starts_with("facts None 48000 Hz, rms 0.35"), "{facts}");
    player.finish();
}

#[test]
fn a_server_that_hangs_does_not_stop_the_sound() {
    let home = tempfile::tempdir().unwrap();
    let server = Server::start(home.path());
    let mut player = Player::start(home.path());
    player.ask("advance");
    run(home.path(), "kill", &["-STOP", &server.pid]);
    player.expect("event DeviceLost");
    player.ask("advance");
    let facts = player.ask("facts");
    assert!(facts.starts_with("facts None"), "{facts}");
    run(home.path(), "kill", &["-CONT", &server.pid]);
    player.expect("event DeviceChanged { name: \"First\" }");
    player.ask("advance");
    server.check_tone("first");
    player.finish();
}

#[test]
fn a_machine_that_stands_still_gets_a_longer_buffer() {
    let home = tempfile::tempdir().unwrap();
    let server = Server::start(home.path());
    let mut player = Player::start(home.path());
    player.ask("advance");
    let latency_ms = |player: &mut Player| {
        let facts = player.ask("facts");
        let latency = facts.rsplit_once(", ").and_then(|(_, it)| it.strip_suffix(" ms"));
        latency.unwrap_or_else(|| panic!("{facts}")).parse::<u64>().unwrap()
    };
    let began = Instant::now();
    // It holds 40 ms at first. The sound is interrupted for as long as it takes to be noticed.
    while latency_ms(&mut player) < 60 {
        assert!(began.elapsed() < PATIENCE, "the buffer stays as it is");
        for _ in 0..3 {
            run(home.path(), "kill", &["-STOP", &server.pid]);
            std::thread::sleep(Duration::from_millis(100));
            run(home.path(), "kill", &["-CONT", &server.pid]);
            std::thread::sleep(Duration::from_millis(100));
        }
        player.ask("advance");
    }
    server.check_tone("first");
    let facts = player.ask("facts");
    assert!(facts.contains("Some(\"First\")"), "{facts}");
    player.finish();
}
