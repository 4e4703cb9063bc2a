//! Chromium without a window.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Where it is.
pub(crate) struct Browser {
    program: PathBuf,
}

/// A page as it is when its script has run, and what the browser said of it.
pub(crate) struct Seen {
    pub(crate) dom: String,
    log: String,
}

impl Browser {
    pub(crate) fn find() -> Browser {
        let named = std::env::var_os("AGTRACK_BROWSER").map(PathBuf::from);
        let path = std::env::var_os("PATH").unwrap_or_default();
        let program = named.or_else(|| {
            let dirs = std::env::split_paths(&path);
            let programs =
                dirs.flat_map(|dir| ["chromium", "chromium-browser"].map(|name| dir.join(name)));
            programs.into_iter().find(|file| file.is_file())
        });
        Browser {
            program: program.expect("no chromium: `cargo xtask setup` installs it"),
        }
    }

    /// Loads a page.
    pub(crate) fn dom(&self, page: &Path, fragment: &str) -> Seen {
        let url = format!("file://{}{fragment}", page.display());
        let Output { stdout, stderr, .. } = self.load(&["--dump-dom", &url]);
        let seen = Seen {
            dom: String::from_utf8(stdout).unwrap(),
            log: String::from_utf8_lossy(&stderr).into_owned(),
        };
        assert!(
            seen.dom.contains("</html>"),
            "nothing was loaded: {}",
            seen.log
        );
        seen
    }

    /// Takes a picture of the page's begin.
    pub(crate) fn shot(&self, page: &Path, picture: &Path, width: u32, dark: bool) {
        let (url, to) = (
            format!("file://{}", page.display()),
            format!("--screenshot={}", picture.display()),
        );
        let size = format!("--window-size={width},1800");
        let scheme = format!("--blink-settings=preferredColorScheme={}", u8::from(!dark));
        self.load(&["--hide-scrollbars", &scheme, &size, &to, &url]);
        assert!(picture.is_file(), "no picture");
    }

    fn load(&self, args: &[&str]) -> Output {
        let home = tempfile::tempdir().unwrap();
        let profile = format!("--user-data-dir={}", home.path().display());
        let output = Command::new(&self.program)
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--enable-logging=stderr",
                "--v=0",
                "--virtual-time-budget=10000",
            ])
            .args([&profile])
            .args(args)
            .env("HOME", home.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        output
    }
}

impl Seen {
    /// What the page's console got.
    pub(crate) fn errors(&self) -> Vec<&str> {
        self.log
            .lines()
            .filter(|line| line.contains(":CONSOLE"))
            .collect()
    }

    pub(crate) fn assert_no_errors(&self) {
        assert_eq!(self.errors(), Vec::<&str>::new());
    }

    pub(crate) fn count(&self, what: &str) -> u64 {
        self.dom.matches(what).count() as u64
    }
}
