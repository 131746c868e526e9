//! An ext4 file system in a file, whose power can be cut. Needs root, Linux and loop devices.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::failure::Failure;

/// `FS_IOC_SHUTDOWN` with `NOLOGFLUSH`: from here on nothing reaches the device, the journal neither.
/// The workspace forbids the unsafe code that an ioctl takes.
const CUT: &str = "import fcntl, os, struct, sys\n\
                   fd = os.open(sys.argv[1], os.O_RDONLY)\n\
                   fcntl.ioctl(fd, 0x8004587d, struct.pack('I', 2))\n";

/// Time for the file system to be let go.
const RELEASE_MAX: Duration = Duration::from_secs(10);
const RELEASE_POLL: Duration = Duration::from_millis(20);
/// Where it is mounted, in the folder of the test.
const POINT: &str = "mount";

/// Unmounts what a test that was killed has left in its folder.
pub fn leave(dir: &Path) {
    let point = dir.join(POINT);
    if point.exists() {
        // Mostly nothing is mounted there.
        let _ = run(Command::new("umount").arg("--lazy").arg(&point));
    }
}

/// A mounted file system; unmounted when it is dropped.
pub struct Mount {
    image: PathBuf,
    point: PathBuf,
    mounted: bool,
}

impl Mount {
    /// Makes a file system of `mebibytes` in `dir`, and mounts it.
    pub fn create(dir: &Path, mebibytes: u64) -> Result<Self, Failure> {
        let (image, point) = (dir.join("image"), dir.join(POINT));
        std::fs::create_dir_all(&point).map_err(Failure::io("making the mount point"))?;
        let file = std::fs::File::create(&image).map_err(Failure::io("making the image"))?;
        file.set_len(mebibytes << 20).map_err(Failure::io("making the image"))?;
        run(Command::new("mkfs.ext4").args(["-q", "-F"]).arg(&image))?;
        let mut mount = Self { image, point, mounted: false };
        mount.mount()?;
        Ok(mount)
    }

    /// Where it is mounted.
    pub fn path(&self) -> &Path {
        &self.point
    }

    /// Cuts the power: everything fails from now on, and what was not flushed is lost.
    pub fn cut(&self) -> Result<(), Failure> {
        run(Command::new("python3").args(["-c", CUT]).arg(&self.point))
    }

    /// Mounts it again after a cut, as after a boot: the journal is replayed.
    pub fn remount(&mut self) -> Result<(), Failure> {
        self.unmount()?;
        self.mount()
    }

    fn mount(&mut self) -> Result<(), Failure> {
        let mut command = Command::new("mount");
        run(command.args(["-o", "loop"]).arg(&self.image).arg(&self.point))?;
        self.mounted = true;
        Ok(())
    }

    fn unmount(&mut self) -> Result<(), Failure> {
        if !self.mounted {
            return Ok(());
        }
        let mut umount = Command::new("umount");
        umount.arg(&self.point);
        // The last thread of a process that was killed while it was traced lets go a little later.
        let deadline = Instant::now() + RELEASE_MAX;
        while let Err(failure) = run(&mut umount) {
            if Instant::now() > deadline {
                return Err(failure);
            }
            std::thread::sleep(RELEASE_POLL);
        }
        self.mounted = false;
        Ok(())
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // Somebody may still stand in it; the next `create` makes a new image all the same.
        if self.unmount().is_err() {
            let _ = run(Command::new("umount").arg("--lazy").arg(&self.point));
        }
    }
}

/// Runs a command that has to succeed.
pub fn run(command: &mut Command) -> Result<(), Failure> {
    let name = command.get_program().display().to_string();
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(Failure::io(format!("running {name}; see tests/setup")))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(Failure::Other(format!("{name} ended with {}: {}", output.status, said.trim())))
}
