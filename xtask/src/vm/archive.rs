//! An initramfs: a cpio archive ("newc"), written without root.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result};

const DIRECTORY: u32 = 0o040_755;
const PROGRAM: u32 = 0o100_755;
const CONSOLE: u32 = 0o020_600;

/// An archive being written.
pub(crate) struct Archive<W: Write> {
    out: W,
    written: usize,
    inodes: u32,
}

impl Archive<BufWriter<File>> {
    /// Begins an archive in a file, with `/dev/console`, without which init is mute.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn create(path: &Path) -> Result<Self> {
        let file =
            File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
        let mut archive = Archive {
            out: BufWriter::new(file),
            written: 0,
            inodes: 0,
        };
        archive.directory("dev")?;
        archive.entry("dev/console", CONSOLE, (5, 1), &[])?;
        Ok(archive)
    }
}

impl<W: Write> Archive<W> {
    /// Adds a directory.
    ///
    /// # Errors
    /// The archive cannot be written.
    pub(crate) fn directory(&mut self, name: &str) -> Result<()> {
        self.entry(name, DIRECTORY, (0, 0), &[])
            .context("cannot write the initramfs")
    }

    /// Adds a program with these contents.
    ///
    /// # Errors
    /// The archive cannot be written.
    pub(crate) fn program(&mut self, name: &str, contents: &[u8]) -> Result<()> {
        self.entry(name, PROGRAM, (0, 0), contents)
            .context("cannot write the initramfs")
    }

    /// Adds a program of the host.
    ///
    /// # Errors
    /// It cannot be read, or the archive cannot be written.
    pub(crate) fn copy(&mut self, name: &str, from: &Path) -> Result<()> {
        let contents =
            std::fs::read(from).with_context(|| format!("cannot read {}", from.display()))?;
        self.program(name, &contents)
    }

    /// Ends the archive.
    ///
    /// # Errors
    /// The archive cannot be written.
    pub(crate) fn finish(mut self) -> Result<()> {
        self.entry("TRAILER!!!", 0, (0, 0), &[])
            .context("cannot write the initramfs")?;
        self.out.flush().context("cannot write the initramfs")
    }

    fn entry(&mut self, name: &str, mode: u32, device: (u32, u32), data: &[u8]) -> io::Result<()> {
        self.inodes += 1;
        let length = u32::try_from(data.len()).map_err(io::Error::other)?;
        let name_length = u32::try_from(name.len() + 1).map_err(io::Error::other)?;
        let (major, minor) = device;
        // Magic, then: inode, mode, user, group, links, time, length, device of the file (2),
        // device it is (2), length of the name, checksum.
        let fields = [
            self.inodes,
            mode,
            0,
            0,
            1,
            0,
            length,
            0,
            0,
            major,
            minor,
            name_length,
            0,
        ];
        let mut header = String::from("070701");
        header.extend(fields.iter().map(|field| format!("{field:08X}")));
        self.put(header.as_bytes())?;
        self.put(name.as_bytes())?;
        self.put(&[0])?;
        self.align()?;
        self.put(data)?;
        self.align()
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.written += bytes.len();
        self.out.write_all(bytes)
    }

    fn align(&mut self) -> io::Result<()> {
        let padding = self.written.next_multiple_of(4) - self.written;
        self.put(&[0; 4][..padding])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_padded_to_four_bytes() {
        let mut archive = Archive {
            out: Vec::new(),
            written: 0,
            inodes: 0,
        };
        archive.program("init", b"hello").unwrap();
        // 110 bytes of header and "init\0" make 115, then 116; five bytes of data make eight.
        assert_eq!(archive.out.len(), 124);
        assert!(archive.out.starts_with(b"07070100000001000081ED"));
        assert_eq!(&archive.out[110..115], b"init\0");
        assert_eq!(&archive.out[116..121], b"hello");
    }
}
