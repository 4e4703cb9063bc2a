//! What is installed, and where: one tree for all packages.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::crates;
use crate::workspace::Workspace;
use crate::{build, run};

/// What an installed file is to a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// A program or what it needs.
    Plain,
    /// Its owner's once it is installed: an upgrade keeps what was changed.
    Config,
    /// To be read.
    Doc,
    /// A directory that is there although it is empty.
    Directory,
}

/// One installed file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Where it goes, without the first slash.
    pub(super) path: String,
    pub(super) role: Role,
}

/// Files of the sources that are installed as they are: from, to, role.
const COPIED: &[(&str, &str, Role)] = &[
    (
        "dist/agtrack.service",
        "usr/lib/systemd/system/agtrack.service",
        Role::Plain,
    ),
    (
        "dist/agtrack.toml",
        "etc/agtrack/agtrack.toml",
        Role::Config,
    ),
    (
        "dist/copyright",
        "usr/share/doc/agtrack/copyright",
        Role::Doc,
    ),
    (
        "LICENSE-APACHE",
        "usr/share/doc/agtrack/LICENSE-APACHE",
        Role::Doc,
    ),
    (
        "LICENSE-MIT",
        "usr/share/doc/agtrack/LICENSE-MIT",
        Role::Doc,
    ),
    (
        "CHANGELOG.md",
        "usr/share/doc/agtrack/CHANGELOG.md",
        Role::Doc,
    ),
    ("README.md", "usr/share/doc/agtrack/README.md", Role::Doc),
];

/// Directories whose files are installed: from, to, how their names end.
const DIRECTORIES: &[(&str, &str, &str)] = &[
    ("docs", "usr/share/doc/agtrack/docs", ""),
    ("dist/examples", "usr/share/doc/agtrack/examples", ".toml"),
    ("dist/examples", "usr/share/doc/agtrack/examples", ".conf"),
    ("dist/siem", "usr/share/doc/agtrack/siem", ""),
    ("dist/siem/sigma", "usr/share/doc/agtrack/siem/sigma", ""),
];

/// Where links of the sources lead in the documentation that is installed.
const LINKS: &[(&str, &str)] = &[
    ("](../dist/", "](../"),
    ("](dist/", "]("),
    ("](../../docs/", "](../docs/"),
];

/// What is not installed begins so: a link to it becomes its text.
const SOURCES: &[&str] = &["ARCHITECTURE.md", "agtrack-", "tests/", "xtask/"];

/// Completions: as they are written, where their shell looks.
const COMPLETIONS: &[(&str, &str)] = &[
    (
        "agtrack.bash",
        "usr/share/bash-completion/completions/agtrack",
    ),
    ("_agtrack", "usr/share/zsh/vendor-completions/_agtrack"),
    (
        "agtrack.fish",
        "usr/share/fish/vendor_completions.d/agtrack.fish",
    ),
];

/// The files as they are installed, below a directory that stands for `/`.
pub(super) struct Tree {
    pub(super) root: PathBuf,
    /// In order of path.
    pub(super) entries: Vec<Entry>,
}

impl Tree {
    /// Builds what has to be built and puts everything in its place.
    ///
    /// # Errors
    /// The sources do not compile, or a file cannot be read or written.
    pub(super) fn lay_out(workspace: &Workspace, release: bool) -> Result<Tree> {
        let dist = workspace.scratch("dist")?;
        let root = dist.join("root");
        if root.exists() {
            fs::remove_dir_all(&root)
                .with_context(|| format!("cannot empty {}", root.display()))?;
        }
        let mut tree = Tree {
            root,
            entries: Vec::new(),
        };
        tree.program(workspace, release)?;
        for (from, to, role) in COPIED {
            tree.copy(&workspace.root.join(from), to, *role)?;
        }
        for (from, to, end) in DIRECTORIES {
            for file in files(&workspace.root.join(from))? {
                let name = name(&file);
                if name.ends_with(end) {
                    tree.copy(&file, &format!("{to}/{name}"), Role::Doc)?;
                }
            }
        }
        let table = crates::table(workspace)?;
        let to = "usr/share/doc/agtrack/THIRD-PARTY.md";
        tree.put(table.as_bytes(), to, Role::Doc)?;
        tree.pages(workspace, &dist.join("pages"))?;
        tree.directory("etc/agtrack/agents.d")?;
        tree.entries.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(tree)
    }

    /// The binary, without debug information.
    fn program(&mut self, workspace: &Workspace, release: bool) -> Result<()> {
        let built = build::agtrack(workspace, release)?;
        let to = "usr/bin/agtrack";
        self.copy(&built, to, Role::Plain)?;
        let program = self.root.join(to);
        let mut strip = Command::new("strip");
        run::output(strip.arg("--strip-debug").arg(&program))?;
        set_mode(&program, 0o755)
    }

    /// Man pages, packed as distributions have them, and completions.
    fn pages(&mut self, workspace: &Workspace, scratch: &Path) -> Result<()> {
        let _ = fs::remove_dir_all(scratch);
        fs::create_dir_all(scratch)
            .with_context(|| format!("cannot create {}", scratch.display()))?;
        // Selected as the tests are, or libraries are compiled anew with other features.
        let mut build = workspace.cargo();
        build.args(["build", "--workspace", "--exclude", "agtrack-ebpf"]);
        build.args(["--example", "pages"]);
        run::run(&mut build, "the compiler's reasons stand above")?;
        run::output(Command::new(workspace.target.join("debug/examples/pages")).arg(scratch))?;
        for page in files(&scratch.join("man"))? {
            run::output(Command::new("gzip").args(["-9", "-n", "-f"]).arg(&page))?;
        }
        for page in files(&scratch.join("man"))? {
            let to = format!("usr/share/man/man1/{}", name(&page));
            self.copy(&page, &to, Role::Doc)?;
        }
        for (from, to) in COMPLETIONS {
            self.copy(&scratch.join("completions").join(from), to, Role::Plain)?;
        }
        Ok(())
    }

    fn copy(&mut self, from: &Path, to: &str, role: Role) -> Result<()> {
        let contents = fs::read(from).with_context(|| format!("cannot read {}", from.display()))?;
        if !to.ends_with(".md") {
            return self.put(&contents, to, role);
        }
        let text = String::from_utf8_lossy(&contents).into_owned();
        self.put(relinked(text).as_bytes(), to, role)
    }

    fn put(&mut self, contents: &[u8], to: &str, role: Role) -> Result<()> {
        let path = self.root.join(to);
        self.parents(to)?;
        fs::write(&path, contents).with_context(|| format!("cannot write {}", path.display()))?;
        set_mode(&path, 0o644)?;
        self.add(to, role);
        Ok(())
    }

    fn directory(&mut self, to: &str) -> Result<()> {
        self.parents(&format!("{to}/any"))?;
        self.add(to, Role::Directory);
        Ok(())
    }

    /// Makes the directories above, readable by all whatever the umask is.
    fn parents(&self, to: &str) -> Result<()> {
        let mut dir = self.root.clone();
        let above = Path::new(to)
            .parent()
            .into_iter()
            .flat_map(Path::components);
        for part in std::iter::once(None).chain(above.map(Some)) {
            dir.extend(part);
            fs::create_dir_all(&dir).with_context(|| format!("cannot create {}", dir.display()))?;
            set_mode(&dir, 0o755)?;
        }
        Ok(())
    }

    fn add(&mut self, path: &str, role: Role) {
        self.entries.push(Entry {
            path: path.to_owned(),
            role,
        });
    }
}

/// With links that lead somewhere from where it is installed.
fn relinked(text: String) -> String {
    let replace = |text: String, (from, to): &(&str, &str)| text.replace(from, to);
    LINKS.iter().fold(without_links_to_sources(&text), replace)
}

fn without_links_to_sources(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, target)) = rest.split_once("](") {
        let below = target.trim_start_matches("../");
        let is_source = SOURCES.iter().any(|source| below.starts_with(source));
        match (is_source, before.rsplit_once('['), target.split_once(')')) {
            (true, Some((before, shown)), Some((_, after))) => {
                out.extend([before, shown]);
                rest = after;
            }
            _ => {
                out.extend([before, "]("]);
                rest = target;
            }
        }
    }
    out + rest
}

/// The files of a directory, in order.
fn files(dir: &Path) -> Result<Vec<PathBuf>> {
    let listed = || {
        let entries = fs::read_dir(dir)?.collect::<std::io::Result<Vec<_>>>()?;
        let mut files: Vec<_> = entries.into_iter().map(|entry| entry.path()).collect();
        files.retain(|file| file.is_file());
        files.sort();
        std::io::Result::Ok(files)
    };
    listed().with_context(|| format!("cannot list {}", dir.display()))
}

fn name(file: &Path) -> String {
    file.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// Sets what may be done with a file, whatever the umask is.
pub(super) fn set_mode(path: &Path, mode: u32) -> Result<()> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
        .with_context(|| format!("cannot set the mode of {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_to_what_is_not_installed_become_their_text() {
        for (text, expect) in [
            ("no link", "no link"),
            (
                "a [b](../xtask/src/main.rs), [c](d.md) [e",
                "a b, [c](d.md) [e",
            ),
            ("[a](ARCHITECTURE.md#x)", "a"),
            (
                "[`t`](../agtrack-userspace/src/lib.rs)[u](../dist/u.md)",
                "`t`[u](../u.md)",
            ),
            ("cut [short](tests/", "cut [short](tests/"),
        ] {
            assert_eq!(relinked(text.to_owned()), expect);
        }
    }
}
