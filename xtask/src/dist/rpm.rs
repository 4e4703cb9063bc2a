//! The package for distributions with rpm.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rpm::{BuildConfig, CompressionType, Dependency, FileOptions, PackageBuilder};

use super::tree::{Entry, Role};
use super::{DESCRIPTION, MAINTAINER, Package, SUMMARY};

const POST: &str = include_str!("../../../dist/rpm/post");
const PREUN: &str = include_str!("../../../dist/rpm/preun");
const POSTUN: &str = include_str!("../../../dist/rpm/postun");

/// Writes the package and says where it is.
pub(super) fn write(package: &Package, place: &Path) -> Result<PathBuf> {
    let arch = std::env::consts::ARCH;
    let version = &package.version;
    let mut builder = PackageBuilder::new("agtrack", version, "Apache-2.0 OR MIT", arch, SUMMARY);
    let config = BuildConfig::default()
        .source_date(package.time)
        .compression(CompressionType::Gzip);
    builder
        .using_config(config)
        .description(DESCRIPTION)
        .packager(MAINTAINER)
        .build_host("localhost")
        .post_install_script(POST)
        .pre_uninstall_script(PREUN)
        .post_uninstall_script(POSTUN);
    let glibc = &package.libraries.glibc;
    builder.requires(Dependency::any(format!("libc.so.6(GLIBC_{glibc})(64bit)")));
    let others = package.libraries.libraries.iter();
    for library in others.filter(|name| *name != "libc.so.6" && !name.starts_with("ld-linux")) {
        builder.requires(Dependency::any(format!("{library}()(64bit)")));
    }
    for entry in &package.tree.entries {
        add(&mut builder, package, entry).with_context(|| format!("cannot pack {}", entry.path))?;
    }
    let file = place.join(format!("agtrack-{version}-1.{arch}.rpm"));
    let built = builder.build().context("cannot make the rpm")?;
    built
        .write_file(&file)
        .with_context(|| format!("cannot write {}", file.display()))?;
    Ok(file)
}

fn add(builder: &mut PackageBuilder, package: &Package, entry: &Entry) -> Result<()> {
    let to = format!("/{}", entry.path);
    if entry.role == Role::Directory {
        // What is in it is its owner's.
        builder.with_dir_entry(FileOptions::dir(to).permissions(0o755))?;
        return Ok(());
    }
    let mode = if entry.path.starts_with("usr/bin/") {
        0o755
    } else {
        0o644
    };
    let options = FileOptions::new(to).permissions(mode);
    let options = match entry.role {
        Role::Config => options.config().noreplace(),
        Role::Doc => options.doc(),
        Role::Plain | Role::Directory => options,
    };
    let contents = std::fs::read(package.tree.root.join(&entry.path))?;
    builder.with_file_contents(contents, options)?;
    Ok(())
}
