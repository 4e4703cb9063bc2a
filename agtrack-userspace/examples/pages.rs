//! Writes what is made from the command line's own definition: man pages, one a command, and
//! completions for bash, zsh and fish. Called by `cargo xtask dist`.
//!
//! Comes in: an existing directory. Goes out: `man/*.1`, `completions/{agtrack.bash,_agtrack,agtrack.fish}` in
//! it. Not part of the program: who has it installed has these files beside it.

use std::fs;
use std::path::{Path, PathBuf};

use clap_complete::Shell;

fn main() -> std::io::Result<()> {
    let Some(dir) = std::env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("pages: say which directory to write to");
        std::process::exit(2);
    };
    let man = dir.join("man");
    fs::create_dir_all(&man)?;
    let mut command = agtrack::cli::command().disable_help_subcommand(true);
    command.build();
    manual(&command, &man)?;
    let completions = dir.join("completions");
    fs::create_dir_all(&completions)?;
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        // Hidden commands are no words to offer.
        clap_complete::generate_to(
            shell,
            &mut shown(agtrack::cli::command()),
            "agtrack",
            &completions,
        )?;
    }
    Ok(())
}

/// The page of a command, and those of the commands below it.
fn manual(command: &clap::Command, dir: &Path) -> std::io::Result<()> {
    clap_mangen::Man::new(command.clone())
        // No date: the same sources give the same pages.
        .source(concat!("agtrack ", env!("CARGO_PKG_VERSION")))
        .generate_to(dir)?;
    let below = command.get_subcommands();
    below
        .filter(|below| !below.is_hide_set())
        .try_for_each(|below| manual(below, dir))
}

/// The command without what is hidden.
fn shown(command: clap::Command) -> clap::Command {
    let mut kept = clap::Command::new("agtrack")
        .version(env!("CARGO_PKG_VERSION"))
        .args(command.get_arguments().cloned());
    for below in command
        .get_subcommands()
        .filter(|below| !below.is_hide_set())
    {
        kept = kept.subcommand(below.clone());
    }
    kept
}
