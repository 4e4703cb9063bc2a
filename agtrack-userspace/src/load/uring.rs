//! The tracepoints of io_uring, whose arguments have changed more often than their meaning.

use agtrack_common::event::{Attach, HOOKS};
use agtrack_common::offset::ABSENT;
use anyhow::Context;

use crate::btf::Btf;

/// At which of these tracepoints this kernel takes a request.
///
/// # Errors
/// It has none of them, or one that does not hand over the request.
pub(super) fn submission(names: &[&'static str], kernel: &Btf) -> anyhow::Result<&'static str> {
    let name = names
        .iter()
        .copied()
        .find(|name| kernel.tracepoint_args(name).is_some())
        .with_context(|| format!("this kernel has no tracepoint {}", names.join(" or ")))?;
    request(arguments(name, kernel))
        .map(|_| name)
        .with_context(|| format!("{name} of this kernel does not say which request it is about"))
}

/// Whether this kernel says which request it is that has ended.
pub(super) fn tells_results(kernel: &Btf) -> bool {
    result(arguments("io_uring_complete", kernel)).is_some()
}

/// Values of the globals of the probes that say where in the arguments things are.
pub(super) fn globals(kernel: &Btf) -> [(&'static str, u32); 2] {
    let names = HOOKS.iter().find_map(|hook| match hook.attach {
        Attach::Submission(names) => Some(names),
        _ => None,
    });
    let mut names = names.unwrap_or_default().iter();
    let submitted = names.find_map(|name| request(arguments(name, kernel)));
    let completed = result(arguments("io_uring_complete", kernel));
    [
        ("URING_REQUEST", submitted.unwrap_or(0)),
        ("URING_COMPLETION", completed.unwrap_or(ABSENT)),
    ]
}

fn arguments(name: &str, kernel: &Btf) -> usize {
    kernel.tracepoint_args(name).map_or(0, |types| types.len())
}

/// Which argument is the request: the only one, the one before whether to block (6.1), or that
/// behind the ring (5.10).
fn request(arguments: usize) -> Option<u32> {
    match arguments {
        1 | 2 => Some(0),
        7 => Some(1),
        _ => None,
    }
}

/// Which argument has the result, behind ring and request: an entry of the ring (6.18), or, behind
/// the user's number, the result itself (6.1, 6.12). On 5.10 there is no request.
fn result(arguments: usize) -> Option<u32> {
    match arguments {
        3 => Some(2),
        5 | 7 => Some(3),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tracepoints_of_this_kernel_are_known() {
        let kernel = Btf::from_kernel().unwrap();
        let names = ["io_uring_submit_req", "io_uring_submit_sqe"];
        if kernel.tracepoint_args(names[0]).is_some() {
            assert_eq!(submission(&names, &kernel).unwrap(), names[0]);
            assert!(tells_results(&kernel));
        }
        assert!(submission(&["no_such_tracepoint"], &kernel).is_err());
    }

    #[test]
    fn arguments_are_told_by_their_number() {
        // 5.10, 6.1, 6.12 and 6.18.
        assert_eq!(
            [7, 2, 1, 1].map(request),
            [Some(1), Some(0), Some(0), Some(0)]
        );
        assert_eq!([4, 7, 7, 3].map(result), [None, Some(3), Some(3), Some(2)]);
        assert_eq!((request(5), result(0)), (None, None));
    }
}
