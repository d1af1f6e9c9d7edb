use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::*;
use crate::hooks::queue::tests::event;

/// Runs a shell script as a hook.
async fn hook(script: &str, limit: Duration) -> (tempfile::TempDir, Result<(), String>) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("hook");
    std::fs::write(&path, format!("#!/bin/sh\ncd \"${{0%/*}}\"\n{script}\n")).unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
    let command: HookCommand = format!("{} one  two", path.display()).parse().unwrap();
    let result = run(&command, &event(1, 7), "test", limit).await;
    (dir, result)
}

fn read(dir: &Path, file: &str) -> String {
    std::fs::read_to_string(dir.join(file)).unwrap()
}

#[tokio::test]
async fn a_hook_gets_its_arguments_and_the_event() {
    let (dir, result) = hook("echo \"$#$2\" >arguments; cat >document", LONGEST).await;
    assert_eq!(result, Ok(()));
    assert_eq!(read(dir.path(), "arguments"), "2two\n");
    let document: HookEvent = serde_json::from_str(&read(dir.path(), "document")).unwrap();
    assert_eq!(document, event(1, 7));
}

#[tokio::test]
async fn a_failure_is_told_by_the_last_line_of_stderr() {
    for (script, says) in [
        ("echo first >&2; printf 'no\\033[31m such\\tserver\\n\\n' >&2; exit 3", "no [31m such server"),
        ("exec 0<&-; exit 3", "it ended with exit code 3 and said nothing"),
        ("kill -9 $$", "it was ended by signal 9"),
        ("head -c 1000000 /dev/zero | tr '\\0' x >&2; echo >&2; echo enough >&2; exit 1", "enough"),
        ("sleep 60 & echo $! >background; echo late >&2; exit 1", "late"),
    ] {
        let (dir, result) = hook(script, LONGEST).await;
        if let Ok(background) = std::fs::read_to_string(dir.path().join("background")) {
            let pid = Pid::from_raw(background.trim().parse().unwrap());
            nix::sys::signal::kill(pid, Signal::SIGKILL).expect("what a hook leaves in the background goes on");
        }
        assert_eq!(result, Err(says.to_owned()), "{script}");
    }
    let (_dir, long) = hook("head -c 3000 /dev/zero | tr '\\0' x >&2; exit 1", LONGEST).await;
    assert_eq!(long.map_err(|text| text.len()), Err(256));
    let none = run(&"/nonexistent/hook".parse().unwrap(), &event(1, 7), "test", LONGEST).await;
    assert!(none.is_err_and(|error| error.contains("cannot be run: No such file")));
}

#[tokio::test]
async fn a_hook_that_hangs_is_killed_with_all_that_it_started() {
    let (dir, result) = hook("sleep 60 & echo $! >child; trap '' TERM; sleep 60", Duration::from_secs(2)).await;
    assert_eq!(result, Err("it took longer than 2 s and was killed".to_owned()));
    let child = read(dir.path(), "child");
    let stat = format!("/proc/{}/stat", child.trim());
    // Where nobody reaps it, it stays as a zombie.
    let is_gone = || std::fs::read_to_string(&stat).map_or(true, |stat| stat.contains(") Z "));
    let deadline = std::time::Instant::now() + Duration::from_secs(10);
    while !is_gone() {
        assert!(std::time::Instant::now() < deadline, "{stat} goes on");
        tokio::task::yield_now().await;
    }
}
