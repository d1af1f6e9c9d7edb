//! The socket file: who may reach it, and what to do about one that is there already.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt, chown};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use thiserror::Error;
use tokio::net::UnixListener;

/// Why a socket cannot be listened on.
#[derive(Debug, Error)]
#[expect(missing_docs, reason = "the texts say what each variant means")]
pub enum BindError {
    #[error("another daemon answers on {}", .path.display())]
    Live { path: PathBuf },
    #[error("{} is there and is no socket: move it away, or choose another path", .path.display())]
    NotASocket { path: PathBuf },
    #[error("everybody may write to {}: choose a directory that only its owner may write to", .dir.display())]
    OpenDirectory { dir: PathBuf },
    #[error("cannot listen on {}: {error}", .path.display())]
    Io { path: PathBuf, error: io::Error },
}

/// The file of a socket that this process listens on. Dropping it removes the file, unless another has taken its place;
/// drop it before the listener, which keeps the inode from being used again.
#[derive(Debug)]
pub struct SocketFile {
    path: PathBuf,
    /// Device and inode.
    identity: (u64, u64),
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|there| there == self.identity) {
            // A file that cannot be removed is stale from now on, and the next daemon replaces it.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    fs::symlink_metadata(path).map(|there| (there.dev(), there.ino()))
}

/// Listens on a path: the owner and the group may connect, which is the daemon's own where none is given. A socket that
/// nobody answers on is replaced.
pub fn bind(path: &Path, group: Option<u32>) -> Result<(UnixListener, SocketFile), BindError> {
    let fail = |error| BindError::Io { path: path.to_owned(), error };
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    check_directory(dir, path)?;
    match fs::symlink_metadata(path) {
        Ok(there) if !there.file_type().is_socket() => return Err(BindError::NotASocket { path: path.to_owned() }),
        Ok(_) if UnixStream::connect(path).is_ok() => return Err(BindError::Live { path: path.to_owned() }),
        Ok(_) => fs::remove_file(path).map_err(fail)?,
        Err(_) => {}
    }
    let listener = UnixListener::bind(path).map_err(fail)?;
    let file = SocketFile { path: path.to_owned(), identity: identity(path).map_err(fail)? };
    if let Some(group) = group {
        chown(path, None, Some(group)).map_err(fail)?;
    }
    fs::set_permissions(path, fs::Permissions::from_mode(MODE)).map_err(fail)?;
    Ok((listener, file))
}

/// Where all may write without the sticky bit, anybody could put a socket of theirs in place of ours.
fn check_directory(dir: &Path, path: &Path) -> Result<(), BindError> {
    let fail = |error| BindError::Io { path: path.to_owned(), error };
    if !dir.exists() {
        fs::DirBuilder::new().recursive(true).mode(0o755).create(dir).map_err(fail)?;
    }
    let mode = fs::metadata(dir).map_err(fail)?.mode();
    if mode & OTHERS_WRITE != 0 && mode & STICKY == 0 {
        return Err(BindError::OpenDirectory { dir: dir.to_owned() });
    }
    Ok(())
}

const MODE: u32 = 0o660;
const OTHERS_WRITE: u32 = 0o002;
const STICKY: u32 = 0o1000;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_stale_socket_is_replaced_and_a_live_one_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("buoyd.sock");
        let stale = std::os::unix::net::UnixListener::bind(&path).unwrap();
        assert!(matches!(bind(&path, None), Err(BindError::Live { .. })));
        drop(stale);
        let _bound = bind(&path, None).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, MODE);
    }

    #[tokio::test]
    async fn a_file_goes_with_its_owner_and_another_in_its_place_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("buoyd.sock");
        for replaced in [false, true] {
            let (_listener, file) = bind(&path, None).unwrap();
            if replaced {
                fs::remove_file(&path).unwrap();
                fs::write(&path, "data").unwrap();
            }
            drop(file);
            assert_eq!(path.exists(), replaced);
        }
    }

    #[tokio::test]
    async fn a_file_is_never_removed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("precious");
        fs::write(&path, "data").unwrap();
        assert!(matches!(bind(&path, None), Err(BindError::NotASocket { .. })));
        assert_eq!(fs::read(&path).unwrap(), b"data");
    }

    #[tokio::test]
    async fn a_directory_that_all_may_write_to_is_refused_unless_it_is_sticky() {
        let dir = tempfile::tempdir().unwrap();
        for (mode, allowed) in [(0o777, false), (0o1777, true), (0o755, true)] {
            fs::set_permissions(dir.path(), fs::Permissions::from_mode(mode)).unwrap();
            let bound = bind(&dir.path().join("socket"), None);
            assert_eq!(bound.is_ok(), allowed, "{mode:o}");
        }
    }
}
