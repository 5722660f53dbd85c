//! Numbers and names as text for people. Pure: no clock, no locale, no I/O.
//!
//! Text from pages is hostile: [`short`] bounds it before anything lays it out.

use nearside::status::{AudioStats, Item, VideoStats};

/// Longest text from a page that is laid out, in characters.
const MAX_CHARS: usize = 240;

/// Bounds foreign text and takes line breaks and control characters out of it.
pub(crate) fn short(text: &str) -> String {
    let mut chars = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut bounded: String = chars.by_ref().take(MAX_CHARS).collect();
    if chars.next().is_some() {
        bounded.push('…');
    }
    bounded
}

/// `5.1 Mbit/s`, `640 kbit/s`. Nothing sensible (negative, NaN) reads as 0.
pub(crate) fn bit_rate(bits_per_second: f64) -> String {
    let bits = if bits_per_second.is_finite() { bits_per_second.max(0.0) } else { 0.0 };
    if bits >= 999_500.0 {
        format!("{:.1} Mbit/s", bits / 1e6)
    } else {
        format!("{:.0} kbit/s", bits / 1e3)
    }
}

/// `12.3 MB`, with powers of ten.
pub(crate) fn bytes(bytes: u64) -> String {
    let units = [("GB", 1_000_000_000_u64), ("MB", 1_000_000), ("kB", 1_000)];
    match units.into_iter().find(|(_, unit)| bytes >= *unit) {
        Some((name, unit)) => {
            format!("{}.{} {name}", thousands(bytes / unit), bytes % unit * 10 / unit)
        }
        None => format!("{bytes} bytes"),
    }
}

/// `18,120`.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// Media time as `0:07`, `12:04`, `1:02:03`.
pub(crate) fn clock(micros: i64) -> String {
    let secs = micros.max(0) / 1_000_000;
    let (hours, mins, secs) = (secs / 3600, secs / 60 % 60, secs % 60);
    if hours == 0 { format!("{mins}:{secs:02}") } else { format!("{hours}:{mins:02}:{secs:02}") }
}

/// A stretch of real time in one unit: `12 s`, `42 min`, `3 h`, `2 days`.
pub(crate) fn stretch(from_unix_ms: u64, to_unix_ms: u64) -> String {
    let secs = to_unix_ms.saturating_sub(from_unix_ms) / 1000;
    match secs {
        0..60 => format!("{secs} s"),
        60..3600 => format!("{} min", secs / 60),
        3600..172_800 => format!("{} h", secs / 3600),
        _ => format!("{} days", secs / 86_400),
    }
}

/// The codec as its standard is called, from a short name or a codecs parameter (RFC 6381).
pub(crate) fn codec(name: &str) -> String {
    let family = name.split('.').next().unwrap_or_default();
    match family.to_ascii_lowercase().as_str() {
        "h264" | "avc" | "avc1" | "avc3" => "H.264".to_owned(),
        "h265" | "hevc" | "hvc1" | "hev1" => "H.265".to_owned(),
        "vp08" => "VP8".to_owned(),
        "vp09" => "VP9".to_owned(),
        "av01" => "AV1".to_owned(),
        "mp4a" => "AAC".to_owned(),
        "opus" => "Opus".to_owned(),
        "vorbis" => "Vorbis".to_owned(),
        _ => short(&family.to_ascii_uppercase()),
    }
}

/// `1080p` where the line count is a usual one, else `853×478`.
pub(crate) fn resolution(width: u32, height: u32) -> String {
    const LINES: [u32; 10] = [144, 240, 360, 480, 540, 576, 720, 1080, 1440, 2160];
    if LINES.contains(&height) && width > height {
        format!("{height}p")
    } else {
        format!("{width}×{height}")
    }
}

/// Playing speed as `1×`, `0.25×`.
pub(crate) fn rate(rate: f64) -> String {
    format!("{rate}×")
}

/// The line under an item's title: site, picture, codec, decoder, for how long.
pub(crate) fn item_facts(item: &Item, now_unix_ms: u64) -> String {
    let mut facts = vec![short(&item.site)];
    match (&item.video, &item.audio) {
        (Some(video), _) => facts.extend(video_facts(video)),
        (None, Some(audio)) => facts.extend(audio_facts(audio)),
        (None, None) => {}
    }
    if item.since_unix_ms > 0 {
        let millis = now_unix_ms.saturating_sub(item.since_unix_ms);
        facts.push(clock(i64::try_from(millis).map_or(i64::MAX, |ms| ms.saturating_mul(1000))));
    }
    facts.retain(|fact| !fact.is_empty());
    facts.join(" · ")
}

fn video_facts(video: &VideoStats) -> [String; 3] {
    let size = if video.width > 0 { resolution(video.width, video.height) } else { String::new() };
    let decoder = match (video.hardware, video.decoder.is_empty()) {
        (true, _) => "hardware",
        (false, false) => "software",
        (false, true) => "",
    };
    [size, codec(&video.codec), decoder.to_owned()]
}

fn audio_facts(audio: &AudioStats) -> [String; 3] {
    let khz = f64::from(audio.rate_hz) / 1000.0;
    let rate = if audio.rate_hz > 0 { format!("{khz} kHz") } else { String::new() };
    [codec(&audio.codec), rate, channels(audio.channels)]
}

/// `mono`, `stereo`, `6 channels`.
pub(crate) fn channels(count: u32) -> String {
    match count {
        0 => String::new(),
        1 => "mono".to_owned(),
        2 => "stereo".to_owned(),
        more => format!("{more} channels"),
    }
}

/// `sound +4 ms`: positive when sound leads (ITU-R BT.1359).
pub(crate) fn av_offset(offset_ms: f64) -> String {
    // Rounding first, so that -0.3 does not read "-0".
    let rounded = offset_ms.round() + 0.0;
    let sign = match rounded {
        0.0 => '±',
        lead if lead > 0.0 => '+',
        _ => '−',
    };
    format!("sound {sign}{:.0} ms", rounded.abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        let cases = [
            (bit_rate(5_123_000.0), "5.1 Mbit/s"),
            (bit_rate(999_499.0), "999 kbit/s"),
            (bit_rate(999_999.0), "1.0 Mbit/s"),
            (bit_rate(f64::NAN), "0 kbit/s"),
            (bit_rate(-1.0), "0 kbit/s"),
            (bytes(999), "999 bytes"),
            (bytes(12_345_678), "12.3 MB"),
            (bytes(u64::MAX), "18,446,744,073.7 GB"),
            (thousands(0), "0"),
            (thousands(999), "999"),
            (thousands(18_120), "18,120"),
            (thousands(1_000_000), "1,000,000"),
            (clock(-5), "0:00"),
            (clock(7_900_000), "0:07"),
            (clock(3_661_000_000), "1:01:01"),
            (stretch(1_000, 43_000), "42 s"),
            (stretch(0, 42 * 60_000), "42 min"),
            (stretch(5, 0), "0 s"),
            (stretch(0, 3 * 86_400_000), "3 days"),
            (resolution(1920, 1080), "1080p"),
            (resolution(1080, 1920), "1080×1920"),
            (resolution(1, 1), "1×1"),
            (rate(1.0), "1×"),
            (rate(0.25), "0.25×"),
            (av_offset(4.2), "sound +4 ms"),
            (av_offset(-12.6), "sound −13 ms"),
            (av_offset(-0.3), "sound ±0 ms"),
            (codec("h264"), "H.264"),
            (codec("vp9"), "VP9"),
            (codec("avc1.640032"), "H.264"),
            (codec("vp09.00.40.08"), "VP9"),
            (codec("mp4a.40.2"), "AAC"),
        ];
        for (got, wanted) in cases {
            assert_eq!(got, wanted);
        }
    }

    #[test]
    fn foreign_text_is_bounded_and_on_one_line() {
        assert_eq!(short("a\nb\u{7}c"), "a b c");
        assert_eq!(short(&"x".repeat(1 << 20)).chars().count(), MAX_CHARS + 1);
    }

    #[test]
    fn facts_leave_out_what_is_unknown() {
        let mut item = Item { site: "example.org".into(), ..Item::default() };
        assert_eq!(item_facts(&item, 5), "example.org");
        item.since_unix_ms = 1_000;
        item.video = Some(VideoStats {
            codec: "h264".into(),
            width: 1920,
            height: 1080,
            decoder: "software".into(),
            ..VideoStats::default()
        });
        assert_eq!(item_facts(&item, 725_000), "example.org · 1080p · H.264 · software · 12:04");
    }
}
