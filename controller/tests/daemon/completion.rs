//! What shells are offered.

use std::process::Command;

use crate::support::{Daemon, declared};

const BUOYCTL: &str = env!("CARGO_BIN_EXE_buoyctl");

/// What bash offers for the last of the words, taught by the script that buoyctl prints.
fn offered(daemon: &Daemon, words: &[&str]) -> Vec<String> {
    let script = "source <(buoyctl completion bash)
        COMP_WORDS=(buoyctl \"$@\"); COMP_CWORD=$#; COMP_TYPE=9
        _clap_complete_buoyctl buoyctl \"${!#}\"
        printf '%s\\n' \"${COMPREPLY[@]}\"";
    let bin = std::path::Path::new(BUOYCTL).parent().expect("it is in a directory");
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap_or_default());
    let mut bash = Command::new("bash");
    bash.args(["--norc", "-c", script, "bash"]).args(words).env("PATH", path).env("BUOY_SOCKET", daemon.socket());
    let output = bash.output().expect("bash runs");
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).split_whitespace().map(str::to_owned).collect()
}

#[test]
fn bash_completes_commands_options_and_what_there_is() {
    let mut daemon = declared();
    let cases: [(&[&str], &[&str]); 19] = [
        (&["fip", "asso"], &["associate"]),
        (&["fip", "associate", "2"], &["203.0.113.100"]),
        (&["fip", "associate", "203.0.113.100", "web"], &["web-1", "web-2"]),
        (&["pool", "add", "p"], &["public"]),
        (&["pool", "create", "p"], &[]),
        (&["pool", "create", "more", "--provider", ""], &["lan"]),
        (&["instance", "add", "web-3", "--network", ""], &["blue"]),
        (&["instance", "remove", "web"], &["web-1", "web-2"]),
        (&["instance", "list", "--project", ""], &["default"]),
        (&["--project", "red", "instance", "remove", "web"], &[""; 0]),
        (&["network", "set", "blue", "--auto-assign", ""], &["public"]),
        (&["project", "show", "d"], &["default"]),
        (&["provider", "set", "lan", "--mac-policy", ""], &["host", "vmac", "router"]),
        (&["provider", "set", "lan", "--uplink", "eth0"], &["eth0"]),
        (
            &["watch", "--kind", "switch_"],
            &["switch_applied", "switch_connected", "switch_disconnected", "switch_forgotten"],
        ),
        (&["history", "--kind", "pool_l"], &["pool_low"]),
        (&["trace", "--from", "web"], &["web-1", "web-2"]),
        (&["trace", "--from", "ho"], &["host", "host:lan"]),
        (&["trace", "--from", "uplink"], &["uplink:lan"]),
    ];
    for (words, expected) in cases {
        let offered = offered(&daemon, words);
        assert_eq!(offered, expected, "{words:?}");
    }
    daemon.end(nix::sys::signal::Signal::SIGTERM);
    assert_eq!(offered(&daemon, &["pool", "show", "p"]), [""; 0], "without a daemon there are no names, and no error");
}

#[test]
fn every_shell_is_taught_by_a_script_of_its_own() {
    let mut scripts: Vec<_> = ["bash", "zsh", "fish"]
        .map(|shell| {
            let output = Command::new(BUOYCTL).args(["completion", shell]).output().expect("it runs");
            let script = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(
                output.status.success() && script.contains(&format!("BUOYCTL_COMPLETE={shell}"))
                    || script.contains(&format!("BUOYCTL_COMPLETE=\"{shell}\"")),
                "{shell}: {script}"
            );
            script
        })
        .into();
    scripts.dedup();
    assert_eq!(scripts.len(), 3);
    let output = Command::new(BUOYCTL).args(["completion", "tcsh"]).output().expect("it runs");
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn quiet_prints_names_alone() {
    let daemon = declared();
    let printed = |words: &str| {
        let output = daemon.buoyctl(words);
        assert!(output.stderr.is_empty(), "{output:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    assert_eq!(printed("-q instance list"), "web-1\nweb-2\n");
    assert_eq!(printed("fip list --quiet"), "203.0.113.100\n");
    assert_eq!(printed("-q --wait store fip allocate --pool public"), "203.0.113.101\n");
    assert_eq!(printed("-q pool show public"), "public\n");
    assert_eq!(printed("-q direct list"), "");
    assert_eq!(daemon.buoyctl("-q --format json pool list").status.code(), Some(2));
}
