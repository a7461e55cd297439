use bytes::Bytes;

use super::*;
use crate::media::{flv, test_units};

fn words(command: &Command) -> Vec<String> {
    let command = command.as_std();
    std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| word.to_str().unwrap().to_owned())
        .collect()
}

#[test]
fn golden_command_line() {
    let golden = "/usr/bin/ffmpeg -hide_banner -nostats -loglevel error -probesize 32 \
        -analyzeduration 0 -f flv -i pipe:0 -map 0:v -c copy -copyts -avoid_negative_ts disabled \
        -movflags +frag_every_frame+empty_moov+default_base_moof+frag_discont+skip_trailer \
        -fflags +bitexact -flush_packets 1 -f mp4 pipe:1";
    let ffmpeg = Path::new("/usr/bin/ffmpeg");
    assert_eq!(words(&command(ffmpeg, None)).join(" "), golden);
    let setpriv = Path::new("/usr/bin/setpriv");
    assert_eq!(
        words(&command(ffmpeg, Some(setpriv))).join(" "),
        format!("/usr/bin/setpriv --pdeathsig KILL -- {golden}"),
    );
}

#[test]
fn secrets_stay_in_the_service() {
    let mut command = command(Path::new("ffmpeg"), None);
    restrict(&mut command);
    for (name, _) in command.as_std().get_envs() {
        assert!(ENVIRONMENT.contains(&name.to_str().unwrap()), "{name:?}");
    }
}

#[tokio::test]
async fn a_missing_ffmpeg_says_what_to_do() {
    let missing = Path::new("/nowhere/ffmpeg");
    let spawner = Spawner::start().unwrap();
    for error in [
        version(missing).await.unwrap_err(),
        spawner.spawn(missing).await.unwrap_err(),
    ] {
        assert_eq!(
            error.to_string(),
            "cannot run ffmpeg (/nowhere/ffmpeg): not found; install it (apt install ffmpeg) \
             or set `ffmpeg` to its path"
        );
    }
    let not_executable = tempfile::NamedTempFile::new().unwrap();
    let text = version(not_executable.path())
        .await
        .unwrap_err()
        .to_string();
    assert!(text.contains("not an executable file"), "{text}");
}

#[tokio::test]
async fn another_program_is_not_ffmpeg() {
    let text = version(Path::new("false")).await.unwrap_err().to_string();
    assert!(text.contains("does not answer like ffmpeg"), "{text}");
    let line = version(Path::new("ffmpeg")).await.unwrap();
    assert!(line.starts_with("ffmpeg version"), "{line}");
}

#[tokio::test]
async fn garbage_ends_a_child_with_its_last_words() {
    let spawner = Spawner::start().unwrap();
    let mut child = spawner.spawn(Path::new("ffmpeg")).await.unwrap();
    child.feed(Bytes::from_static(b"this is not FLV"));
    child.close_input();
    match child.next().await {
        ChildEvent::Exited(text) => assert!(text.contains("pipe:0"), "{text}"),
        ChildEvent::Output(output) => panic!("{output:?}"),
    }
}

/// What a killed service leaves behind, seen from the kernel: the thread
/// that spawned is gone, and nobody closes the input of a frozen child.
#[tokio::test]
async fn a_frozen_child_ends_with_the_spawning_thread() {
    let spawner = Spawner::start().unwrap();
    let mut child = spawner.spawn(Path::new("ffmpeg")).await.unwrap();
    child.feed(flv::stream_head(0, &test_units::sets()));
    // ffmpeg looks at some hundred bytes before it begins.
    for frame in 0..50 {
        child.feed(test_units::Shot::at(frame).unit().tag.bytes().clone());
    }
    let event = child.next().await;
    assert!(matches!(event, ChildEvent::Output(_)), "{event:?}");
    let pid = rustix::process::Pid::from_raw(child.pid().unwrap() as i32).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::STOP).unwrap();
    drop(spawner);
    loop {
        if let ChildEvent::Exited(text) = child.next().await {
            assert!(text.contains("signal: 9"), "{text}");
            break;
        }
    }
}
