//! Who may do what, by the user and the group at the other end of the socket.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::{Command, Output};

use nix::unistd::Uid;

use crate::support::{Daemon, until};

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
const BARE: u32 = 5_004;

/// A daemon whose socket everybody in a group may open, and which says what groups may.
fn granting() -> Daemon {
    // The directory for temporary files may be one that nobody else may look into.
    let mut daemon = Daemon::new_in(Path::new("/tmp"));
    let config = format!(
        "socket_group = {LOOKERS}\n[[access]]\ngroup = {LOOKERS}\nmay = 'read'\n\
         [[access]]\ngroup = {SHOPS}\nmay = 'act'\nprojects = ['shop']\nports = ['tap-a-*', 'br-two:vm?']\n\
         [[access]]\ngroup = {BARE}\nmay = 'act'\nprojects = ['bare']\n"
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

/// The words that add an instance of one interface.
fn add(name: &str, port: &str, last: u8) -> String {
    format!("instance add {name} --network blue --port {port} --mac 02:00:00:00:00:{last:02} --ip 10.0.0.{last}")
}

#[test]
fn a_refusal_tells_a_project_of_nobody_else() {
    if !is_root("access::a_refusal_tells_a_project_of_nobody_else") {
        return;
    }
    let daemon = granting();
    let as_admin = |words: &str| {
        let output = daemon.buoyctl(&format!("--wait store {words}"));
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    for words in [
        "network create blue --cidr 10.0.0.0/24 --gateway 10.0.0.1",
        &format!("--project lab {}", add("lab-db", "tap-a-9", 19)),
        "--project lab fip allocate",
        "--project lab fip release 203.0.113.101",
        "--project lab network create lab-net --cidr 10.1.0.0/24 --gateway 10.1.0.1",
        "provider set lan --no-snat 10.9.0.0/16",
    ] {
        assert_eq!(as_admin(words).0, Some(0), "{words}");
    }
    for (words, says) in [
        ("fip allocate --address 203.0.113.100".to_owned(), "is allocated to another project"),
        ("fip allocate --address 203.0.113.101".to_owned(), "was released by another project"),
        (add("web", "tap-a-1", 19), "fixed IP 10.0.0.19 of network blue is taken"),
        (add("web", "tap-a-1", 18).replace(":18", ":19"), "MAC 02:00:00:00:00:19 in network blue is taken"),
        (add("web", "tap-a-9", 18), "port tap-a-9 of bridge br-int is taken"),
        ("network create mine --cidr 10.1.0.0/25 --gateway 10.1.0.1".to_owned(), "overlaps another one"),
    ] {
        let output = as_member(&daemon, SHOPS, &words);
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(4), "{words}: {error}");
        assert!(error.contains(says) && !error.contains("lab"), "{words}: {error}");
        let (code, seen) = as_admin(&format!("--project shop {words}"));
        assert_eq!(code, Some(4), "{words}: {seen}");
        assert!(seen.contains("lab"), "the admin sees whose it is: {words}: {seen}");
    }
}

#[test]
fn what_a_hook_said_of_another_project_is_not_told() {
    if !is_root("access::what_a_hook_said_of_another_project_is_not_told") {
        return;
    }
    let daemon = granting();
    let as_admin = |words: &str| daemon.json(&format!("--wait store {words}"));
    for words in [
        "provider set lan --hook /bin/false",
        "network create blue --cidr 10.0.0.0/24 --gateway 10.0.0.1",
        &format!("--project lab {}", add("lab-db", "tap-a-9", 19)),
        "fip associate 203.0.113.101 lab-db",
        "fip release 203.0.113.101",
    ] {
        as_admin(words);
    }
    until("the hook was run", || as_admin("fip show 203.0.113.101")["hook"]["message"].is_string());
    let told = as_member(&daemon, SHOPS, "--format json fip show 203.0.113.101");
    assert!(told.status.success(), "{told:?}");
    let told: serde_json::Value = serde_json::from_slice(&told.stdout).expect("a document");
    assert!(told["hook"].is_null(), "{told}");
}

#[test]
fn a_project_uses_the_ports_that_were_granted_and_no_others() {
    if !is_root("access::a_project_uses_the_ports_that_were_granted_and_no_others") {
        return;
    }
    let daemon = granting();
    let made = daemon.buoyctl("--wait store network create blue --cidr 10.0.0.0/24 --gateway 10.0.0.1");
    assert!(made.status.success(), "{made:?}");
    let as_shop = |words: &str| as_member(&daemon, SHOPS, words);
    let attach = |port: &str, last: u8| add("web", port, last).replace("instance add", "instance attach");
    let granted = "the ports that buoyd.toml grants here are tap-a-*, br-two:vm?";
    is_denied(&as_shop(&add("web", "tap-b-1", 11)), granted);
    is_denied(&as_shop(&format!("{} --bridge br-ex", add("web", "tap-a-1", 11))), granted);
    assert!(as_shop(&add("web", "tap-a-1", 11)).status.success());
    is_denied(&as_shop(&attach("tap-b-2", 12)), granted);
    is_denied(&as_shop(&attach("vm1", 12)), granted);
    assert!(as_shop(&attach("tap-a-2", 12)).status.success());
    assert!(as_shop(&format!("{} --bridge br-two", add("two", "vm1", 13))).status.success());
    is_denied(&as_member(&daemon, BARE, &add("own", "vm7", 17)), "grants here are none");
    let free = daemon.buoyctl(&format!("--wait store --project bare {}", add("own", "vm7", 17)));
    assert!(free.status.success(), "the admin uses any: {free:?}");
    assert!(as_member(&daemon, BARE, "instance remove own").status.success());
}

#[test]
fn who_may_not_open_the_socket_is_told_whose_it_is() {
    if !is_root("access::who_may_not_open_the_socket_is_told_whose_it_is") {
        return;
    }
    let daemon = granting();
    std::fs::set_permissions(daemon.socket(), PermissionsExt::from_mode(0o660)).expect("it is ours");
    let group = format!(
        "may not open {} (permission denied), it is for its owner and the group {LOOKERS} (mode 0660)",
        daemon.socket().display()
    );
    for words in ["status", "watch", "history", "export"] {
        is_denied(&as_member(&daemon, BARE, words), &group);
    }
    assert!(as_member(&daemon, LOOKERS, "status").status.success());
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
        ("[[access]]\ngroup = 5001\nmay = 'read'\nports = ['tap-*']", "leave ports away"),
        ("[[access]]\ngroup = 5001\nmay = 'act'\nprojects = ['shop']\nports = ['a b']", "\"a b\""),
        ("[[access]]\ngroup = 4294967295\nmay = 'read'", "4294967295 is the number of no group"),
        ("socket_group = 4294967295", "4294967295 is the number of no group"),
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
