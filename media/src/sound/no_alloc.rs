//! Proves, in tests, that a piece of code neither allocates nor frees.
#![expect(unsafe_code, reason = "a global allocator is unsafe by definition; test build only")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    static CALLS: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

fn count() {
    // A thread that is going down has no counter left, and nothing to prove.
    let _ = CALLS.try_with(|calls| calls.set(calls.get() + 1));
}

// SAFETY: passes every request on to `System` unchanged and only counts.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's contract is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        count();
        // SAFETY: the caller's contract is passed on; `block` came from `System`.
        unsafe { System.dealloc(block, layout) }
    }
}

/// Runs `act` and panics if this thread allocated or freed in it.
pub(crate) fn assert<T>(act: impl FnOnce() -> T) -> T {
    let before = CALLS.get();
    let value = act();
    assert_eq!(CALLS.get() - before, 0, "allocated or freed in a callback");
    value
}

#[test]
#[should_panic(expected = "allocated or freed")]
fn an_allocation_is_noticed() {
    assert(|| drop(std::hint::black_box(vec![1_u8])));
}
