//! agtrack.
fn main() {}
