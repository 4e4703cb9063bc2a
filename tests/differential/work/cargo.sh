# Builds and runs a crate with a library, a build script and a test; nothing is downloaded.
mkdir -p tiny/src tiny/part/src
cd tiny
cat > Cargo.toml <<'END'
[package]
name = "tiny"
version = "0.1.0"
edition = "2021"

[dependencies]
part = { path = "part" }

[profile.dev]
debug = false
END
cat > build.rs <<'END'
fn main() {
    let out = std::env::var("OUT_DIR").unwrap();
    std::fs::write(format!("{out}/word.txt"), "built").unwrap();
    println!("cargo::rerun-if-changed=build.rs");
}
END
cat > src/main.rs <<'END'
fn main() {
    let word = include_str!(concat!(env!("OUT_DIR"), "/word.txt"));
    let handle = std::thread::spawn(move || part::twice(word));
    println!("{}", handle.join().unwrap());
}
END
cat > part/Cargo.toml <<'END'
[package]
name = "part"
version = "0.1.0"
edition = "2021"
END
cat > part/src/lib.rs <<'END'
pub fn twice(word: &str) -> String {
    format!("{word} {word}")
}
END
cargo build --offline --quiet
[ "$(cargo run --offline --quiet)" = "built built" ]
touch src/main.rs
cargo build --offline --quiet --message-format=short
cargo clean --offline --quiet
