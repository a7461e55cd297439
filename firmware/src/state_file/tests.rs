//! What is kept over crashes, power cuts and broken cards.

use zerocam_protocol::checkin::DesiredState;

use super::{document::MAX_BYTES, *};

fn open(directory: &Path) -> StateFile {
    open_in(directory, "first boot")
}

fn open_in(directory: &Path, boot: &str) -> StateFile {
    let mut file = StateFile::open(directory);
    file.begin(Some(boot));
    file
}

fn stored(directory: &Path) -> String {
    fs::read_to_string(directory.join("state.json")).unwrap()
}

#[test]
fn golden_document() {
    let directory = tempfile::tempdir().unwrap();
    let mut file = open(directory.path());
    assert_eq!(file.desired(), Desired::FIRST);
    file.set_desired(Desired::FIRST.superseded_by(DesiredState::Started));
    assert_eq!(
        file.claim_first_number(1_790_000_000),
        Segment(1_790_000_000)
    );
    file.device(|| "garden-1".parse().unwrap());
    file.keep();
    assert_eq!(
        stored(directory.path()),
        r#"{"version":1,"desired":{"state":"started","version":1},"floor":1790003600,"device":"garden-1","black_box":[],"doing":"STARTING","boot":"first boot"}"#
    );
}

#[test]
fn it_survives_being_killed_and_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let mut killed = open(directory.path());
    let desired = killed.desired().superseded_by(DesiredState::Started);
    killed.set_desired(desired);
    killed.set_doing("STREAMING");
    killed.keep();
    drop(killed);
    let mut next = open_in(directory.path(), "second boot");
    assert_eq!(next.desired(), desired);
    let entries = next.unreported();
    assert_eq!(entries.len(), 1);
    assert_eq!(
        entries[0].text,
        "the program ended without notice while STREAMING: power was lost, or it was killed"
    );
    next.reported(true);
    next.end();
    assert_eq!(open(directory.path()).unreported(), []);
}

#[test]
fn a_crash_is_told_apart_from_a_power_cut() {
    let directory = tempfile::tempdir().unwrap();
    drop(open(directory.path()));
    let last_words = directory.path().join("last-words.txt");
    fs::write(&last_words, "panicked at src/camera.rs:7:5:\nno frame\n").unwrap();
    let entries = open(directory.path()).unreported();
    assert_eq!(
        entries[0].text,
        "the program crashed while STARTING: panicked at src/camera.rs:7:5: no frame"
    );
    assert!(!last_words.exists());
}

#[test]
fn crashes_in_a_row_are_counted() {
    let directory = tempfile::tempdir().unwrap();
    let crash = || fs::write(directory.path().join("last-words.txt"), "panicked").unwrap();
    for crashes in 0..CRASHES_IN_A_ROW {
        let file = open(directory.path());
        assert!(!file.crashes_again_and_again(), "{crashes}");
        crash();
    }
    let mut file = open(directory.path());
    assert!(file.crashes_again_and_again());
    file.survived();
    file.keep();
    assert!(!file.crashes_again_and_again());
    crash();
    assert!(!open(directory.path()).crashes_again_and_again());
}

/// Out of memory, or starved by the watchdog: nobody is left to say a word.
#[test]
fn killed_again_and_again_without_a_power_cut_is_a_crash_too() {
    let directory = tempfile::tempdir().unwrap();
    for kills in 0..CRASHES_IN_A_ROW {
        let file = open(directory.path());
        assert!(!file.crashes_again_and_again(), "{kills}");
    }
    let mut file = open(directory.path());
    assert!(file.crashes_again_and_again());
    let told = file.unreported();
    assert_eq!(told.len(), 1, "each says the same");
    assert_eq!(told[0].text, "the program was killed while STARTING");
    drop(file);

    let file = open_in(directory.path(), "second boot");
    assert!(!file.crashes_again_and_again(), "power was lost");
    file.end();
    let file = open_in(directory.path(), "second boot");
    assert_eq!(file.document.crashes, 0, "it ended as it should");
    drop(file);
    // Nothing is known of the boot.
    for _ in 0..=CRASHES_IN_A_ROW {
        StateFile::open(directory.path()).begin(None);
    }
    let file = StateFile::open(directory.path());
    assert!(!file.crashes_again_and_again());
}

#[test]
fn reboots_outlive_themselves_or_are_known_not_to() {
    let directory = tempfile::tempdir().unwrap();
    let mut file = open(directory.path());
    assert!(file.keep_reboots(Part::Wifi, 2));
    assert!(file.keep_reboots(Part::Camera, 1));
    let next = open(directory.path());
    assert_eq!(
        (next.reboots(Part::Wifi), next.reboots(Part::Camera)),
        (2, 1)
    );

    let in_the_way = directory.path().join("state");
    fs::write(&in_the_way, "").unwrap();
    assert!(!open(&in_the_way).keep_reboots(Part::Wifi, 1));
}

#[test]
fn the_floor_is_stored_once_an_hour() {
    let directory = tempfile::tempdir().unwrap();
    let mut file = open(directory.path());
    let mut writes = 0;
    for segment in 1_790_000_000..1_790_007_200 {
        let before = file.document.floor;
        file.reserve_above(Segment(segment));
        writes += u32::from(file.document.floor != before);
        assert!(file.document.floor > Segment(segment));
    }
    file.keep();
    assert_eq!(writes, 3);
    // The clock was set back, or never set.
    let next = open(directory.path()).claim_first_number(0);
    assert!(next > Segment(1_790_007_200), "{next}");
}

#[test]
fn the_time_is_stored_once_an_hour_and_may_go_back() {
    let directory = tempfile::tempdir().unwrap();
    let mut file = open(directory.path());
    assert_eq!(file.time_unix_s(), None);
    for (now, kept) in [
        (1_790_000_000, 1_790_000_000),
        (1_790_003_599, 1_790_000_000),
        (1_790_003_600, 1_790_003_600),
        (1_789_000_000, 1_789_000_000),
    ] {
        file.keep_time(now);
        file.keep();
        let stored = StateFile::open(directory.path()).time_unix_s();
        assert_eq!(stored, Some(kept), "at {now}");
    }
}

#[test]
fn what_cannot_be_used_is_replaced() {
    let many = "x".repeat(MAX_BYTES as usize + 1);
    for content in ["", "{", "[]", r#"{"version":2}"#, r#"{"version":1}"#, &many] {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("state.json"), content).unwrap();
        let file = open(directory.path());
        assert_eq!(file.desired(), Desired::FIRST);
        assert!(stored(directory.path()).starts_with(r#"{"version":1,"#));
    }
}

#[test]
fn without_a_card_it_runs_on_from_memory() {
    let directory = tempfile::tempdir().unwrap();
    let file_in_the_way = directory.path().join("state");
    fs::write(&file_in_the_way, "").unwrap();
    let mut file = open(&file_in_the_way);
    let desired = file.desired().superseded_by(DesiredState::Started);
    file.set_desired(desired);
    file.keep();
    assert_eq!(file.failure(), Some(io::ErrorKind::AlreadyExists));
    assert_eq!(file.desired(), desired);
    fs::remove_file(&file_in_the_way).unwrap();
    file.record("the card is back");
    file.keep();
    assert_eq!(file.failure(), None);
    assert!(stored(&file_in_the_way).contains("the card is back"));
}

#[test]
fn on_a_full_card_the_old_document_stays_and_it_runs_on() {
    let directory = tempfile::tempdir().unwrap();
    drop(open(directory.path()));
    let old = stored(directory.path());
    // Every write to this device fails for want of room.
    let beside = directory.path().join("state.json.new");
    std::os::unix::fs::symlink("/dev/full", &beside).unwrap();
    let mut file = StateFile::open(directory.path());
    let desired = file.desired().superseded_by(DesiredState::Started);
    file.set_desired(desired);
    file.keep();
    assert_eq!(file.failure(), Some(io::ErrorKind::StorageFull));
    assert_eq!(file.desired(), desired);
    assert_eq!(stored(directory.path()), old);
    fs::remove_file(&beside).unwrap();
    file.record("there is room again");
    file.keep();
    assert_eq!(file.failure(), None);
    assert_eq!(open(directory.path()).desired(), desired);
}

#[test]
fn a_check_in_does_not_repeat_what_the_one_before_it_tells() {
    let texts = |entries: Vec<BlackBoxEntry>| -> Vec<String> {
        entries.into_iter().map(|entry| entry.text).collect()
    };
    // Whether the first and the second arrive; what a third one tells.
    for (first, second, expected) in [
        (true, true, &[] as &[&str]),
        (true, false, &["two", "three"]),
        (false, true, &["one"]),
        (false, false, &["one", "two", "three"]),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let mut file = open(directory.path());
        file.record("one");
        assert_eq!(texts(file.unreported()), ["one"]);
        file.record("two");
        assert_eq!(texts(file.unreported()), ["two"]);
        file.record("three");
        // In place of the one that waits.
        assert_eq!(texts(file.unreported()), ["two", "three"]);
        file.reported(first);
        file.reported(second);
        assert_eq!(texts(file.unreported()), expected, "{first}, {second}");
    }
}

#[test]
fn the_black_box_is_bounded_and_told_once() {
    let directory = tempfile::tempdir().unwrap();
    let mut file = open(directory.path());
    file.record("same");
    file.record("same");
    assert_eq!(file.unreported().len(), 1);
    file.record("meanwhile");
    file.reported(true);
    assert_eq!(file.unreported()[0].text, "meanwhile");
    file.reported(false);
    for number in 0..100 {
        file.record(&format!("{number} {}", "x".repeat(1000)));
    }
    let entries = file.unreported();
    assert_eq!(entries.len(), MAX_BLACK_BOX_ENTRIES);
    assert!(entries[31].text.starts_with("99 x"));
    assert_eq!(entries[31].text.chars().count(), MAX_TEXT_CHARS);
}
