use super::*;

fn declared(values: &[&str]) -> Result<String, InvalidMediaType> {
    MediaType::declared(values.iter().copied()).map(MediaType::into_string)
}

/// What a file is that was declared to be of a type, read a few bytes at a time.
fn effective(declared: &str, file: &[u8], at_once: usize) -> String {
    let piece = |at: usize| &file[at..file.len().min(at + at_once)];
    let mut seen = Recognised::in_head(piece(0));
    while let Some(at) = seen.wants().and_then(|at| usize::try_from(at).ok()).filter(|at| *at < file.len()) {
        seen = seen.seeing(piece(at));
    }
    MediaType::declared([declared]).expect("a type").or_recognised(&seen).into_string()
}

fn boxed(kind: &[u8], content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len() + 8).expect("short");
    [&length.to_be_bytes(), kind, content].concat()
}

fn track(handler: &[u8], rest: usize) -> Vec<u8> {
    let handler = boxed(b"hdlr", &[[0; 8].as_slice(), handler, &[0; 12]].concat());
    let media = boxed(b"mdia", &[boxed(b"mdhd", &[0; 24]), handler, boxed(b"minf", &vec![0; rest])].concat());
    boxed(b"trak", &[boxed(b"tkhd", &[0; 84]), media].concat())
}

fn movie(tracks: &[&[u8]]) -> Vec<u8> {
    let tracks = tracks.iter().map(|handler| track(handler, 3_000));
    boxed(b"moov", &[boxed(b"mvhd", &[0; 100])].into_iter().chain(tracks).collect::<Vec<_>>().concat())
}

fn iso(brand: &[u8], boxes: &[Vec<u8>]) -> Vec<u8> {
    [boxed(b"ftyp", &[brand, &[0; 4]].concat()), boxes.concat()].concat()
}

fn webm(doc_type: &str, types: &[u8]) -> Vec<u8> {
    let entries = types.iter().flat_map(|kind| [0xAE, 0x83, 0x83, 0x81, *kind]).collect::<Vec<_>>();
    let tracks = [&[0x16, 0x54, 0xAE, 0x6B, 0x80 | u8::try_from(entries.len()).expect("few")], &*entries].concat();
    let name = [&[0x42, 0x82, 0x80 | u8::try_from(doc_type.len()).expect("short")], doc_type.as_bytes()].concat();
    let header = [&[0x1A, 0x45, 0xDF, 0xA3, 0x80 | u8::try_from(name.len()).expect("short")], &*name].concat();
    let segment = [0x18, 0x53, 0x80, 0x67, 0x01, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF];
    [header.as_slice(), &segment, &[0xEC, 0x84, 0, 0, 0, 0], &tracks, &[0x1F, 0x43, 0xB6, 0x75, 0xFF]].concat()
}

fn ogg(packet: &[u8]) -> Vec<u8> {
    let page = |flags: u8, packet: &[u8]| {
        [b"OggS\0".as_slice(), &[flags], &[0; 20], &[1, u8::try_from(packet.len()).expect("short")], packet].concat()
    };
    [page(2, b"OpusHead\x01\x01"), page(2, packet), page(0, b"\x80theora")].concat()
}

fn frames(header: [u8; 6], length: usize, count: usize) -> Vec<u8> {
    [header.as_slice(), &vec![0; length - 6]].concat().repeat(count)
}

/// AAC in ADTS, 44.1 kHz mono, 200 bytes a frame.
fn adts(count: usize) -> Vec<u8> {
    frames([0xFF, 0xF1, 0x50, 0x40, 0x19, 0x1F], 200, count)
}

/// MPEG-1 layer III, 64 kbit/s, 44.1 kHz: 208 bytes a frame.
fn mp3(count: usize) -> Vec<u8> {
    frames([0xFF, 0xFB, 0x50, 0xC0, 0, 0], 208, count)
}

fn id3(length: u8, rest: &[u8]) -> Vec<u8> {
    [b"ID3\x04\0\0\0\0".as_slice(), &[length, 0], &vec![0; usize::from(length) * 128], rest].concat()
}

#[test]
fn parameters_and_letter_case_do_not_matter() {
    assert_eq!(MediaType::parse("Audio/WebM;codecs=opus"), Ok(MediaType("audio/webm".into())));
    for text in ["", "audio", "audio/", "/mp4", "au dio/mp4", "audio/mp4\r\nx: y", "audio/mp4/x"] {
        assert_eq!(MediaType::parse(text), Err(InvalidMediaType), "{text:?}");
    }
}

#[test]
fn a_type_may_be_declared_several_times_or_not_at_all() {
    for (values, read) in [
        (&[][..], "application/octet-stream"),
        (&[""], "application/octet-stream"),
        (&[" , "], "application/octet-stream"),
        (&["audio/*"], "application/octet-stream"),
        (&["binary/octet-stream"], "application/octet-stream"),
        (&["audio/mp4", "audio/mp4"], "audio/mp4"),
        (&["audio/mp4, Audio/MP4;codecs=x"], "audio/mp4"),
        (&["audio/x-m4a, audio/mp4"], "audio/x-m4a"),
        (&["application/octet-stream, audio/mp4"], "audio/mp4"),
        (&["video/webm;codecs=vp8,opus"], "video/webm"),
        (&["video/webm; codecs=\"a/b, c/d\""], "video/webm"),
    ] {
        assert_eq!(declared(values).as_deref(), Ok(read), "{values:?}");
    }
    for values in [&["audio/mp4, text/html"][..], &["audio/mp4", "audio/ogg"], &["audio"], &["audio/mp4, audio"]] {
        assert_eq!(declared(values), Err(InvalidMediaType), "{values:?}");
    }
}

#[test]
fn only_recordings_are_recordings() {
    let is_recording = |text| MediaType::parse(text).is_ok_and(|media_type| media_type.is_recording());
    for (canonical, aliases) in TABLE {
        assert!(is_recording(canonical), "{canonical}");
        assert!(aliases.iter().all(|alias| is_recording(alias)), "{canonical}");
    }
    assert!(is_recording("audio/anything"));
    for text in ["text/html", "image/svg+xml", "video/x-msvideo", "application/json", "*/*"] {
        assert!(!is_recording(text), "{text}");
    }
}

#[test]
fn bytes_that_say_what_they_are_win_over_what_was_declared() {
    let long = boxed(b"mdat", &[0; 9_000]);
    let files: &[(Vec<u8>, &str)] = &[
        (iso(b"M4A ", &[long.clone(), movie(&[b"soun"])]), "audio/mp4"),
        (iso(b"isom", &[movie(&[b"soun"]), long.clone()]), "audio/mp4"),
        (iso(b"isom", &[long.clone(), movie(&[b"soun"])]), "audio/mp4"),
        (iso(b"isom", &[long.clone(), movie(&[b"soun", b"vide"])]), "video/mp4"),
        (iso(b"isom", &[long.clone(), boxed(b"free", &[0; 30]), movie(&[b"soun", b"soun"])]), "audio/mp4"),
        (iso(b"3gp4", &[long.clone(), movie(&[b"soun"])]), "audio/3gpp"),
        (iso(b"3g2a", &[movie(&[b"vide"])]), "video/3gpp"),
        (iso(b"qt  ", &[boxed(b"wide", b""), long.clone(), movie(&[b"soun"])]), "audio/mp4"),
        (iso(b"qt  ", &[long.clone(), movie(&[b"vide", b"soun"])]), "video/quicktime"),
        ([long, movie(&[b"soun"])].concat(), "audio/mp4"),
        (webm("webm", &[2]), "audio/webm"),
        (webm("webm", &[2, 1]), "video/webm"),
        (webm("webm\0", &[2]), "audio/webm"),
        (webm("matroska", &[2]), "audio/matroska"),
        (webm("matroska", &[1, 2]), "video/matroska"),
        (ogg(b"Speex   "), "audio/ogg"),
        (ogg(b"\x80theora"), "video/ogg"),
        (b"RIFF\0\0\0\0WAVEfmt ".to_vec(), "audio/wav"),
        (b"RF64\xFF\xFF\xFF\xFFWAVEds64".to_vec(), "audio/wav"),
        (b"BW64\xFF\xFF\xFF\xFFWAVEds64".to_vec(), "audio/wav"),
        (b"FORM\0\0\0\0AIFFCOMM".to_vec(), "audio/aiff"),
        (b"FORM\0\0\0\0AIFCFVER".to_vec(), "audio/aiff"),
        (b"#!AMR\n\x0c".to_vec(), "audio/amr"),
        (b"#!AMR-WB\n\x0c".to_vec(), "audio/amr-wb"),
        (b"fLaC\0\0\0\x22".to_vec(), "audio/flac"),
        (b"caff\0\x01\0\0".to_vec(), "audio/x-caf"),
        (adts(2), "audio/aac"),
        (mp3(2), "audio/mpeg"),
        ([vec![0; 300], mp3(2)].concat(), "audio/mpeg"),
        ([adts(1), id3(1, &adts(1))].concat(), "audio/aac"),
        (id3(1, &adts(2)), "audio/aac"),
        (id3(90, &adts(2)), "audio/aac"),
        (id3(90, &mp3(2)), "audio/mpeg"),
        (id3(1, b"fLaC\0\0\0\x22"), "audio/flac"),
    ];
    for (file, expected) in files {
        for declared in ["", "audio/x-m4a", "video/mp4", "audio/whatever"] {
            for at_once in [MediaType::SNIFFED_BYTES, usize::MAX / 2] {
                let start = String::from_utf8_lossy(&file[..file.len().min(12)]);
                assert_eq!(effective(declared, file, at_once), *expected, "{start:?} as {declared:?}");
            }
        }
    }
}

#[test]
fn a_container_without_its_tracks_is_audio_unless_a_video_was_declared() {
    for file in [iso(b"isom", &[boxed(b"mdat", &[0; 20])]), iso(b"isom", &[]), b"\0\0\0\x1cftypisom".to_vec()] {
        assert_eq!(effective("", &file, 4_096), "audio/mp4");
        assert_eq!(effective("video/mp4", &file, 4_096), "video/mp4");
    }
}

#[test]
fn bytes_nothing_is_known_of_stay_what_they_were_declared_to_be() {
    let unknown: &[&[u8]] =
        &[b"", b"RIFF", b"RIFF\0\0\0\0AVI ", b"hello", b"\0\0\0\x1cftyp", b"\xFF\xFB", b"BM", b"MZ", b"<3"];
    for file in unknown.iter().map(|file| file.to_vec()).chain([adts(1), mp3(1), vec![0xFF; 5_000], vec![0; 5_000]]) {
        for (declared, kept) in [
            ("", "application/octet-stream"),
            ("audio/*", "application/octet-stream"),
            ("audio/x-m4a", "audio/mp4"),
            ("audio/whatever", "audio/whatever"),
            ("audio/mp4a-latm", "audio/mp4a-latm"),
            ("video/mp4", "video/mp4"),
            ("video/x-matroska", "video/matroska"),
            ("application/ogg", "audio/ogg"),
        ] {
            assert_eq!(effective(declared, &file, 4_096), kept, "{file:?}");
        }
    }
}

#[test]
fn a_tag_alone_is_that_of_an_mp3_unless_something_else_was_declared() {
    for file in [b"ID3\x04\0\0\0\0\x20\0".to_vec(), id3(2, b"?")] {
        assert_eq!(effective("", &file, 4_096), "audio/mpeg");
        assert_eq!(effective("audio/aac", &file, 4_096), "audio/aac");
    }
}

#[test]
fn what_is_no_recording_is_seen() {
    let program = [b"MZ".as_slice(), &[0; 58], &[64, 0, 0, 0], b"PE\0\0"].concat();
    let bitmap = b"BM\x46\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0".to_vec();
    let texts =
        ["<html>", "\n<!DOCTYPE HTML>", "<!doctype html PUBLIC", "\u{feff}<Body class=x>", "<!--x", "<?xml version"]
            .into_iter()
            .chain(["<svg xmlns=", "<!DOCTYPE svg", "%PDF-1.7", "PK\x03\x04", "GIF89a", "\x7FELF", "#!/bin/sh"]);
    let wide: Vec<u8> = "<html>".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let binary: [&[u8]; 6] =
        [b"\x89PNG\r\n\x1a\n", b"\xFF\xD8\xFF\xE0", b"RIFF\0\0\0\0WEBP", b"\0\0\0\x18ftypheic", b"MM\0*", &program];
    let files = texts.map(str::as_bytes).chain(binary).map(<[u8]>::to_vec);
    for file in files.chain([bitmap, [b"\xFF\xFE".as_slice(), &wide].concat()]) {
        let seen = Recognised::in_head(&file);
        assert!(matches!(seen, Recognised::Foreign(_)), "{:?}: {seen:?}", String::from_utf8_lossy(&file));
    }
}

#[test]
fn any_bytes_at_all_are_looked_at_without_harm() {
    let starts = [
        iso(b"isom", &[movie(&[b"soun", b"vide"])]),
        iso(b"isom", &[boxed(b"mdat", &[0; 64]), movie(&[b"soun"])]),
        webm("webm", &[2, 1]),
        ogg(b"\x80theora"),
        id3(1, &adts(3)),
        mp3(3),
    ];
    for start in starts {
        for at in 0..start.len().min(400) {
            for byte in [0, 1, 0x7F, 0x80, 0xFF] {
                let mut file = start.clone();
                file[at] = byte;
                let _ = effective("", &file, 4_096);
                let _ = effective("", &file[..at], 64);
            }
        }
    }
}
