//! Who may do what, by the user and the group at the other end of the socket.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::{Command, Output};

use nix::unistd::Uid;

use crate::support::Daemon;

/// Only root can be somebody else. Who is not root becomes root of a user namespace that has further users (uidmap), and
/// runs the test there; tells whether this is root already.
fn is_root(test: &str) -> bool {
    if Uid::effective().is_root() {
        return true;
    }
    let mut inside = Command::new("unshare");
    inside.args(["--map-root-user", "--map-auto"]).arg(std::env::current_exe().expect("a path"));
    let output = inside.args([test, "--exact", "--nocapture"]).output().expect("unshare runs");
    assert!(output.status.success(), "without root this needs uidmap and user namespaces: {output:?}");
    false
}

const MEMBER: &str = "4001";
const LOOKERS: u32 = 5_001;
const SHOPS: u32 = 5_002;

/// A daemon whose socket everybody in a group may open, and which says what groups may.
fn granting() -> Daemon {
    // The directory for temporary files may be one that nobody else may look into.
    let mut daemon = Daemon::new_in(Path::new("/tmp"));
    let config = format!(
        "socket_group = {LOOKERS}\n[[access]]\ngroup = {LOOKERS}\nmay = 'read'\n\
         [[access]]\ngroup = {SHOPS}\nmay = 'act'\nprojects = ['shop']\n"
    );
    std::fs::write(daemon.config(), config).expect("it can be written");
    let mut command = daemon.command();
    command.arg("--config").arg(daemon.config());
    daemon.start_as(command);
    for command in [
        "provider create lan --bridge br-ex --uplink eth0 --gateway 203.0.113.1",
        "pool create public --provider lan --range 203.0.113.100-203.0.113.119 --default",
        "--project lab fip allocate",
    ] {
        let output = daemon.buoyctl(&format!("--wait store {command}"));
        assert!(output.status.success(), "{command}: {output:?}");
    }
    // Others must get as far as the socket, and past its mode: what is asked here is what the daemon says.
    std::fs::set_permissions(daemon.dir.path(), PermissionsExt::from_mode(0o755)).expect("it is ours");
    std::fs::set_permissions(daemon.socket(), PermissionsExt::from_mode(0o666)).expect("it is ours");
    daemon
}

/// Runs buoyctl as another user, in one group.
fn as_member(daemon: &Daemon, gid: u32, words: &str) -> Output {
    // The programs may lie where nobody else may look.
    let buoyctl = daemon.dir.path().join("buoyctl");
    if !buoyctl.exists() {
        std::fs::copy(env!("CARGO_BIN_EXE_buoyctl"), &buoyctl).expect("it can be copied");
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid", MEMBER, "--regid", &gid.to_string(), "--clear-groups"]).arg(buoyctl);
    command.arg("--socket").arg(daemon.socket()).args(["--wait", "store"]).args(words.split(' '));
    command.output().expect("setpriv runs")
}

fn is_denied(output: &Output, why: &str) {
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(5), "{error}");
    assert!(error.contains(why) && error.lines().count() == 1, "{why}: {error}");
}

#[test]
fn members_of_groups_may_what_is_granted_and_others_nothing() {
    if !is_root("access::members_of_groups_may_what_is_granted_and_others_nothing") {
        return;
    }
    let daemon = granting();
    let is_done = |output: Output| {
        assert!(output.status.success(), "{output:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    assert!(is_done(as_member(&daemon, LOOKERS, "fip list")).contains("203.0.113.100"));
    assert!(is_done(as_member(&daemon, LOOKERS, "history --limit 5")).contains("allocated"));
    is_denied(&as_member(&daemon, LOOKERS, "fip allocate"), "may only look: fip.allocate changes something");
    is_denied(&as_member(&daemon, LOOKERS, "backup -"), "may only look");

    assert_eq!(is_done(as_member(&daemon, SHOPS, "-q fip allocate")), "203.0.113.101\n");
    assert_eq!(is_done(as_member(&daemon, SHOPS, "-q fip list")), "203.0.113.101\n", "what is another's is not seen");
    assert!(!is_done(as_member(&daemon, SHOPS, "history")).contains("203.0.113.100"));
    is_denied(&as_member(&daemon, SHOPS, "--project lab fip list"), "may act for shop, and not for lab");
    is_denied(&as_member(&daemon, SHOPS, "pool delete public"), "pool.delete is the admin's");
    is_denied(&as_member(&daemon, 5_003, "status"), "may not use this socket");
    assert_eq!(daemon.json("fip show 203.0.113.101")["project"], "shop");
}

#[test]
fn the_socket_has_the_group_that_was_named() {
    if !is_root("access::the_socket_has_the_group_that_was_named") {
        return;
    }
    let mut daemon = Daemon::new();
    std::fs::write(daemon.config(), format!("socket_group = {LOOKERS}")).expect("it can be written");
    let mut command = daemon.command();
    command.arg("--config").arg(daemon.config());
    daemon.start_as(command);
    let file = std::fs::metadata(daemon.socket()).expect("it is there");
    assert_eq!((file.gid(), file.mode() & 0o777), (LOOKERS, 0o660));
}

#[test]
fn mistakes_in_grants_are_named() {
    let daemon = Daemon::new();
    for (config, text) in [
        ("[[access]]\ngroup = 'no-such-group-here'\nmay = 'read'", "there is no group no-such-group-here"),
        ("[[access]]\ngroup = 5001\nmay = 'act'", "needs projects"),
        ("[[access]]\ngroup = 5001\nmay = 'read'\nprojects = ['shop']", "leave projects away"),
        ("[[access]]\ngroup = 5001\nmay = 'all'", "unknown variant `all`"),
        ("socket_group = -1", "a group is a name or a number"),
        ("socket_group = 'no-such-group-here'", "there is no group no-such-group-here"),
    ] {
        std::fs::write(daemon.config(), config).expect("it can be written");
        let output = daemon.configured().output().expect("buoyd runs");
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{config}: {error}");
        assert!(error.contains(text), "{config}: {error}");
    }
}
