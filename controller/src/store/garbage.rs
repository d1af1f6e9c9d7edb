//! What sled leaves behind when it writes: each write makes its page anew, and the page before it is freed once no thread
//! can look at it any more. No page of a transaction is freed before its end, and after it only a few with each further
//! access: a long one would leave hundreds of megabytes to a daemon that has nothing more to write.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Frees what a transaction of so many writes left behind, as far as no other thread looks at it.
pub(super) fn free(writes: usize) {
    if writes <= FEW {
        return;
    }
    let is_freed = Arc::new(AtomicBool::new(false));
    let last = Arc::clone(&is_freed);
    // What is left is freed in its order: when this comes, all before it is gone.
    crossbeam_epoch::pin().defer(move || last.store(true, Ordering::Relaxed));
    for _ in 0..writes {
        if is_freed.load(Ordering::Relaxed) {
            break;
        }
        crossbeam_epoch::pin().flush();
    }
}

/// As many writes leave nothing behind that the next ones do not free.
const FEW: usize = 64;

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn what_a_long_transaction_leaves_is_freed_without_another_one() {
        const WRITES: usize = 50_000;
        let freed = Arc::new(AtomicUsize::new(0));
        {
            let guard = crossbeam_epoch::pin();
            for _ in 0..WRITES {
                let freed = Arc::clone(&freed);
                guard.defer(move || freed.fetch_add(1, Ordering::Relaxed));
            }
        }
        // Another test's thread may be looking at pages for a moment.
        let late = Instant::now() + Duration::from_secs(60);
        while freed.load(Ordering::Relaxed) < WRITES && Instant::now() < late {
            free(WRITES);
        }
        assert_eq!(freed.load(Ordering::Relaxed), WRITES);
    }
}
