//! Putting things back when this program ends, however it ends.

use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};

/// A shell that waits for the end of this value or of this program, killed or not, and then runs a
/// script that puts the host back as it was.
pub(super) struct Restorer {
    shell: Child,
}

impl Restorer {
    /// Starts it; `arguments` are `$1` and so on of the script.
    ///
    /// # Errors
    /// There is no shell.
    pub(super) fn begin(script: &str, arguments: &[String]) -> Result<Restorer> {
        // Its input ends with this program. Signals of the terminal come to it too.
        let script = format!("trap '' INT HUP TERM; cat >/dev/null; {script}");
        let shell = Command::new("sh")
            .args(["-c", &script, "sh"])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .context("cannot start the shell that puts things back at the end")?;
        Ok(Restorer { shell })
    }
}

impl Drop for Restorer {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        let _ = self.shell.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_runs_at_the_end_and_not_before() {
        let name = format!("agtrack-restorer-{}", std::process::id());
        let file = std::env::temp_dir().join(name);
        let argument = file.display().to_string();
        let restorer = Restorer::begin("echo back > \"$1\"", &[argument]).unwrap();
        assert!(!file.exists());
        drop(restorer);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "back\n");
        std::fs::remove_file(file).unwrap();
    }
}
