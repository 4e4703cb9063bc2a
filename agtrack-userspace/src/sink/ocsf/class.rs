//! Classes and activities of OCSF 1.8.0, as far as records need them.

/// A class of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Class {
    /// `class_uid`; the thousands are its category.
    pub uid: u32,
    /// `class_name`.
    pub name: &'static str,
    /// `category_name`.
    pub category: &'static str,
    /// It has `actor` and `device` only with the profile `host`.
    pub(super) host: bool,
    /// It takes the profile `ai_operation`.
    pub(super) ai: bool,
}

impl Class {
    const fn new(uid: u32, name: &'static str, category: &'static str) -> Class {
        Class {
            uid,
            name,
            category,
            host: false,
            ai: false,
        }
    }

    /// `category_uid`.
    #[must_use]
    pub fn category_uid(self) -> u32 {
        self.uid / 1000
    }
}

const SYSTEM: &str = "System Activity";
const NETWORK_ACTIVITY: &str = "Network Activity";
const APPLICATION: &str = "Application Activity";

/// What no class is known for.
pub const BASE: Class = Class {
    host: true,
    ..Class::new(0, "Base Event", "Uncategorized")
};
/// Files.
pub const FILE: Class = Class::new(1001, "File System Activity", SYSTEM);
/// Modules of the kernel.
pub const EXTENSION: Class = Class::new(1002, "Kernel Extension Activity", SYSTEM);
/// What the kernel keeps.
pub const KERNEL: Class = Class::new(1003, "Kernel Activity", SYSTEM);
/// Processes.
pub const PROCESS: Class = Class {
    ai: true,
    ..Class::new(1007, "Process Activity", SYSTEM)
};
/// Findings.
pub const FINDING: Class = Class {
    host: true,
    ..Class::new(2004, "Detection Finding", "Findings")
};
/// Connections.
pub const NETWORK: Class = Class {
    host: true,
    ..Class::new(4001, "Network Activity", NETWORK_ACTIVITY)
};
/// HTTP.
pub const HTTP: Class = Class {
    host: true,
    ..Class::new(4002, "HTTP Activity", NETWORK_ACTIVITY)
};
/// The domain name system.
pub const DNS: Class = Class {
    host: true,
    ..Class::new(4003, "DNS Activity", NETWORK_ACTIVITY)
};
/// Programs that start and stop.
pub const LIFECYCLE: Class = Class {
    host: true,
    ..Class::new(6002, "Application Lifecycle", APPLICATION)
};
/// Calls of somebody else.
pub const API: Class = Class {
    host: true,
    ai: true,
    ..Class::new(6003, "API Activity", APPLICATION)
};

/// What was done, within a class: its number there, and its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Activity(pub u32, pub &'static str);

impl Activity {
    /// One that the class has no number for, by a name of our own.
    #[must_use]
    pub const fn other(name: &'static str) -> Activity {
        Activity(99, name)
    }
}
