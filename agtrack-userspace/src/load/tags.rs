//! Writing tags to the kernel's maps.

use agtrack_common::tag::{CgroupTag, Tag};
use anyhow::Context;
use aya::maps::{Array, HashMap, MapData};
use zerocopy::{FromBytes, IntoBytes};

use super::Probes;

const TAG: usize = size_of::<Tag>();
const CGROUP_TAG: usize = size_of::<CgroupTag>();

impl Probes {
    /// Tags a process.
    ///
    /// # Errors
    /// The map is full.
    pub fn tag_process(&mut self, pid: u32, tag: Tag) -> anyhow::Result<()> {
        let value: [u8; TAG] = bytes(&tag);
        self.process_tags()?.insert(pid, value, 0).with_context(|| {
            format!(
                "cannot tag process {pid}; as many may be tagged already as agtrack can follow at \
                     a time"
            )
        })
    }

    /// The tag of a process, whatever its start.
    pub fn process_tag(&mut self, pid: u32) -> Option<Tag> {
        let value = self.process_tags().ok()?.get(&pid, 0).ok()?;
        Tag::read_from_bytes(&value).ok()
    }

    /// Removes a process's tag, if it has one.
    pub fn untag_process(&mut self, pid: u32) {
        if let Ok(mut tags) = self.process_tags() {
            let _ = tags.remove(&pid);
        }
    }

    /// All tagged processes.
    pub fn tagged(&mut self) -> Vec<(u32, Tag)> {
        let Ok(tags) = self.process_tags() else {
            return Vec::new();
        };
        tags.iter()
            .filter_map(Result::ok)
            .filter_map(|(pid, value)| Some((pid, Tag::read_from_bytes(&value).ok()?)))
            .collect()
    }

    /// Tags or watches a cgroup.
    ///
    /// # Errors
    /// The map is full.
    pub fn tag_cgroup(&mut self, id: u64, tag: CgroupTag) -> anyhow::Result<()> {
        let value: [u8; CGROUP_TAG] = bytes(&tag);
        self.cgroup_tags()?.insert(id, value, 0).with_context(|| {
            format!(
                "cannot watch cgroup {id}: as many cgroups are watched as agtrack can at a \
                     time; narrow the globs in the configuration"
            )
        })
    }

    /// Stops watching a cgroup.
    pub fn untag_cgroup(&mut self, id: u64) {
        if let Ok(mut tags) = self.cgroup_tags() {
            let _ = tags.remove(&id);
        }
    }

    /// All tagged or watched cgroups.
    pub fn tagged_cgroups(&mut self) -> Vec<(u64, CgroupTag)> {
        let Ok(tags) = self.cgroup_tags() else {
            return Vec::new();
        };
        tags.iter()
            .filter_map(Result::ok)
            .filter_map(|(id, value)| Some((id, CgroupTag::read_from_bytes(&value).ok()?)))
            .collect()
    }

    /// Says whether the reader sleeps without a clock, so that the next event must wake it.
    ///
    /// # Errors
    /// The map cannot be written.
    pub fn set_asleep(&mut self, asleep: bool) -> anyhow::Result<()> {
        self.control(1, u32::from(asleep))
    }

    /// Makes every program leave at its gate: from now on nothing is recorded.
    ///
    /// # Errors
    /// The map cannot be written.
    pub fn close_gate(&mut self) -> anyhow::Result<()> {
        self.control(0, u32::MAX)
    }

    /// Lets the programs through again: all, or those of this generation.
    ///
    /// # Errors
    /// The map cannot be written.
    pub fn open_gate(&mut self) -> anyhow::Result<()> {
        self.control(0, self.generation)
    }

    /// Says how many bytes of each packet of captured sessions are wanted; 0: no session is captured.
    ///
    /// # Errors
    /// The map cannot be written.
    pub fn set_packet_bytes(&mut self, bytes: u32) -> anyhow::Result<()> {
        self.control(2, bytes)
    }

    /// Says whether there is anything to compare at an exec of a process that has no tag.
    ///
    /// # Errors
    /// The map cannot be written.
    pub(super) fn set_binding(&mut self, binds: bool) -> anyhow::Result<()> {
        self.control(3, u32::from(binds))
    }

    pub(super) fn control(&mut self, index: u32, value: u32) -> anyhow::Result<()> {
        let map = self.map_mut("CONTROL")?;
        let mut control: Array<_, u32> = Array::try_from(map)?;
        Ok(control.set(index, value, 0)?)
    }

    fn process_tags(&mut self) -> anyhow::Result<HashMap<&mut MapData, u32, [u8; TAG]>> {
        let map = self.map_mut("TAGS")?;
        Ok(HashMap::try_from(map)?)
    }

    fn cgroup_tags(&mut self) -> anyhow::Result<HashMap<&mut MapData, u64, [u8; CGROUP_TAG]>> {
        let map = self.map_mut("CGROUPS")?;
        Ok(HashMap::try_from(map)?)
    }
}

fn bytes<T: IntoBytes + zerocopy::Immutable, const N: usize>(value: &T) -> [u8; N] {
    let mut bytes = [0; N];
    bytes.copy_from_slice(value.as_bytes());
    bytes
}
