// The one list of what is fuzzed. Whoever includes it says what `targets!` makes of it: functions in
// `tests/src/fuzz.rs`, short tests in `tests/fuzz/main.rs`, names in `xtask/src/soak.rs`.
targets![
    ring, btf, redact, config, input, text, dns, tls, http
];
