//! Who the command runs as when agtrack itself was started through sudo.
//!
//! Comes in: the environment that sudo left. Goes out: this process as the invoking user. Never:
//! gains anything; a process that is not root keeps the identity it has.

use std::ffi::{CString, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use anyhow::{Context, bail, ensure};
use nix::unistd::{
    Gid, Uid, User, getgrouplist, getgroups, initgroups, setfsgid, setfsuid, setgroups, setresgid,
    setresuid,
};

/// The user who typed `sudo agtrack ...`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Invoker {
    /// User id, never 0.
    pub uid: u32,
    /// Primary group id.
    pub gid: u32,
}

impl Invoker {
    /// From `SUDO_UID` and `SUDO_GID`; none without them, or when root ran sudo.
    ///
    /// # Errors
    /// Only one of them is set, or they are not numbers: guessing an identity would be wrong.
    pub(super) fn from_environment() -> anyhow::Result<Option<Invoker>> {
        Invoker::from(std::env::var_os("SUDO_UID"), std::env::var_os("SUDO_GID"))
    }

    fn from(uid: Option<OsString>, gid: Option<OsString>) -> anyhow::Result<Option<Invoker>> {
        let (uid, gid) = match (uid, gid) {
            (None, None) => return Ok(None),
            (Some(uid), Some(gid)) => (number("SUDO_UID", &uid)?, number("SUDO_GID", &gid)?),
            _ => bail!("only one of SUDO_UID and SUDO_GID is set; unset both to stay root"),
        };
        Ok((uid != 0).then_some(Invoker { uid, gid }))
    }
}

fn number(name: &str, value: &OsString) -> anyhow::Result<u32> {
    let number = value.to_str().and_then(|text| text.parse().ok());
    number.with_context(|| format!("{name} is not a number: {value:?}; unset it to stay root"))
}

/// Variables of the environment that belong to the identity.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Account {
    name: CString,
    home: PathBuf,
    shell: PathBuf,
}

/// Becomes the user, for good, and says which variables are to be set for the command.
///
/// # Errors
/// The kernel refuses a step, or the result is not what was asked for. Nothing may be executed
/// then.
pub(super) fn become_user(invoker: &Invoker) -> anyhow::Result<Option<Account>> {
    let (uid, gid) = (Uid::from_raw(invoker.uid), Gid::from_raw(invoker.gid));
    let user = User::from_uid(uid).context("cannot look up the invoking user")?;
    let account = user.map(account).transpose()?;
    match &account {
        Some(account) => initgroups(&account.name, gid).context("cannot set the user's groups")?,
        // A uid without an account, as in containers, has its one group.
        None => setgroups(&[gid]).context("cannot set the user's group")?,
    }
    setresgid(gid, gid, gid).context("cannot take the user's group id")?;
    setresuid(uid, uid, uid).context("cannot take the user's id")?;
    let now = nix::unistd::getresuid().context("cannot read back the user id")?;
    ensure!(
        now.real == uid && now.effective == uid && now.saved == uid,
        "the kernel kept root's identity; refusing to run the command as root"
    );
    ensure!(
        setresuid(Uid::from_raw(0), uid, uid).is_err(),
        "root could be taken back"
    );
    Ok(account)
}

/// Does `work` with the rights that the user has on files, and comes back. Only this thread's access
/// to files changes, and for the moment the process's further groups, of which root needs none.
///
/// # Errors
/// The kernel refuses to go there or to come back.
pub(super) fn as_invoker<T>(invoker: &Invoker, work: impl FnOnce() -> T) -> anyhow::Result<T> {
    let (uid, gid) = (Uid::from_raw(invoker.uid), Gid::from_raw(invoker.gid));
    let groups = match User::from_uid(uid).context("cannot look up the invoking user")? {
        Some(user) => getgrouplist(&account(user)?.name, gid),
        None => Ok(vec![gid]),
    };
    let groups = groups.context("cannot look up the invoking user's groups")?;
    let before = getgroups().context("cannot read the groups")?;
    setgroups(&groups).context("cannot set the user's groups")?;
    let (own_gid, own_uid) = (setfsgid(gid), setfsuid(uid));
    // They give no error, but what was in force before.
    let taken = setfsgid(gid) == gid && setfsuid(uid) == uid;
    let done = taken.then(work);
    setfsuid(own_uid);
    setfsgid(own_gid);
    let returned = setfsuid(own_uid) == own_uid && setfsgid(own_gid) == own_gid;
    setgroups(&before).context("cannot set the groups back")?;
    ensure!(returned, "cannot take root's rights on files back");
    done.context("cannot take the invoking user's rights on files")
}

fn account(user: User) -> anyhow::Result<Account> {
    let name = CString::new(user.name).context("the user's name has a zero byte")?;
    Ok(Account {
        name,
        home: user.dir,
        shell: user.shell,
    })
}

impl Account {
    /// The variables to set, as a login would.
    pub(super) fn variables(&self) -> [(&'static str, OsString); 4] {
        let name = std::ffi::OsStr::from_bytes(self.name.as_bytes()).to_owned();
        [
            ("HOME", self.home.clone().into()),
            ("USER", name.clone()),
            ("LOGNAME", name),
            ("SHELL", self.shell.clone().into()),
        ]
    }
}

/// Variables that sudo added and the user's own environment did not have.
pub(super) const OF_SUDO: [&str; 5] = [
    "SUDO_UID",
    "SUDO_GID",
    "SUDO_USER",
    "SUDO_COMMAND",
    "SUDO_HOME",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn check(uid: Option<&str>, gid: Option<&str>) -> anyhow::Result<Option<Invoker>> {
        Invoker::from(uid.map(Into::into), gid.map(Into::into))
    }

    #[test]
    fn the_invoker_is_who_sudo_says() {
        let found = check(Some("1000"), Some("100")).unwrap();
        assert_eq!(
            found,
            Some(Invoker {
                uid: 1000,
                gid: 100
            })
        );
        assert_eq!(check(None, None).unwrap(), None);
        assert_eq!(check(Some("0"), Some("0")).unwrap(), None);
    }

    #[test]
    fn half_an_identity_is_refused() {
        for (uid, gid) in [(Some("1"), None), (None, Some("1")), (Some("x"), Some("1"))] {
            let error = check(uid, gid).unwrap_err().to_string();
            assert!(error.contains("to stay root"), "{error}");
        }
        assert!(check(Some("-1"), Some("1")).is_err());
        assert!(check(Some(""), Some("1")).is_err());
    }
}
