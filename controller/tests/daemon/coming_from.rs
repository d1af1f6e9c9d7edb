//! `docs/coming-from.md`: every command of ours in it does what it is there for.

use std::path::Path;

use crate::support::Daemon;

/// The commands of the document in its order: those of its code blocks and those in the last column of its tables.
fn commands(text: &str) -> Vec<String> {
    let mut commands = Vec::new();
    for line in text.lines() {
        if line.starts_with("buoyctl ") {
            commands.push(line.to_owned());
        }
        let Some(ours) = line.strip_prefix("| ").and_then(|row| row.rsplit(" | ").next()) else { continue };
        let quoted = ours.split('`').skip(1).step_by(2);
        commands.extend(quoted.filter(|own| own.starts_with("buoyctl ")).map(str::to_owned));
    }
    commands
}

#[test]
fn what_is_said_to_replace_a_command_of_the_older_systems_works() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/coming-from.md");
    let text = std::fs::read_to_string(path).expect("the document is there");
    let commands = commands(&text);
    let rows = text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| there")).count();
    assert!(commands.len() >= rows + 4, "{} commands in {rows} rows: a row has none", commands.len());
    let daemon = Daemon::start();
    for command in commands {
        let words = command.strip_prefix("buoyctl ").expect("it was looked for");
        let output = daemon.buoyctl(&format!("--wait store {words}"));
        assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
    }
}
