package rootfs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"

	"github.com/mkmini/mkmini/plugins/sdk"
)

// packer is a tool that makes squashfs images of tar archives.
type packer struct {
	sdk.Program
	// pack returns the command that makes an image of the archive on its
	// standard input.
	pack func(ctx context.Context, path string, p packing) (*exec.Cmd, error)
	// check reads and unpacks all that is in an image.
	check func(ctx context.Context, image string) error
}

// packing is what a packer is to do.
type packing struct {
	// image is the path of the file to write, which is there.
	image       string
	compression string
	jobs        int
	// epoch is the time of the root folder and of the image, and latest that
	// of the youngest file.
	epoch, latest time.Time
	// xattrs says that there are extended attributes. Without any, the image
	// needs no table for them.
	xattrs bool
}

// tar2sqfsPackage is the Debian package of the tool that works for everybody.
const tar2sqfsPackage = "squashfs-tools-ng"

// packers are all of them, the best first: the one that is found makes the
// images, whoever runs it.
var packers = []packer{
	{Program: sdk.Program{Name: "tar2sqfs", Package: tar2sqfsPackage}, pack: packTar2sqfs, check: checkSqfs2tar},
	{Program: sdk.Program{Name: "sqfstar", Package: "squashfs-tools"}, pack: packSqfstar, check: checkUnsquashfs},
}

// squashfsTool tells the core of them.
func squashfsTool() sdk.Tool {
	t := sdk.Tool{Attribute: "format", Values: []string{"squashfs"}}
	for _, p := range packers {
		t.Programs = append(t.Programs, p.Program)
	}
	return t
}

// findPacker returns the first packer that is installed, and its path.
func findPacker() (packer, string, error) {
	for _, p := range packers {
		if path, err := exec.LookPath(p.Name); err == nil {
			return p, path, nil
		}
	}
	return packer{}, "", problem("format", "Tool missing",
		fmt.Sprintf("There is neither %s nor %s in PATH, one of which makes squashfs images.", packers[0].Name, packers[1].Name),
		fmt.Sprintf("Install the Debian package %s (`apt install %[1]s`), or choose another format.", packers[0].Package))
}

// packTar2sqfs runs the tool of squashfs-tools-ng, which takes the owner of
// the root from its arguments.
func packTar2sqfs(ctx context.Context, path string, p packing) (*exec.Cmd, error) {
	args := []string{"--compressor", p.compression, "--num-jobs", strconv.Itoa(p.jobs),
		"--defaults", fmt.Sprintf("mode=0755,uid=0,gid=0,mtime=%d", p.epoch.Unix()), "--no-skip", "--quiet", "--force"}
	if !p.xattrs {
		args = append(args, "--no-xattr")
	}
	cmd := sdk.Command(ctx, path, append(args, p.image)...)
	cmd.Env = toolEnvironment("SOURCE_DATE_EPOCH=" + strconv.FormatInt(p.epoch.Unix(), 10))
	return cmd, nil
}

func checkSqfs2tar(ctx context.Context, image string) error {
	path, err := tool("sqfs2tar", tar2sqfsPackage)
	if err != nil {
		return err
	}
	// What it writes is as large as all files: it goes nowhere.
	nowhere, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer nowhere.Close()
	cmd := sdk.Command(ctx, path, "--no-skip", image)
	cmd.Env = toolEnvironment()
	cmd.Stdout = nowhere
	return runTool(ctx, cmd)
}

// packSqfstar runs the tool of squashfs-tools.
func packSqfstar(ctx context.Context, path string, p packing) (*exec.Cmd, error) {
	if p.latest.After(time.Now()) {
		return nil, errors.New("sqfstar makes the same image each time only if no file is from the future")
	}
	xattrs := "-no-xattrs"
	if p.xattrs {
		xattrs = "-xattrs"
	}
	cmd := sdk.Command(ctx, path, "-comp", p.compression, "-processors", strconv.Itoa(p.jobs), xattrs,
		"-root-mode", "755", "-exit-on-error", "-quiet", "-no-progress", "-force", p.image)
	// -root-time does nothing before version 4.6. This bounds all times from
	// above, the root's with them, which is that of the run; the others stay
	// as they are.
	cmd.Env = toolEnvironment("SOURCE_DATE_EPOCH=" + strconv.FormatInt(p.latest.Unix(), 10))
	becomeRoot(cmd)
	return cmd, nil
}

// becomeRoot has the tool believe that root runs it, in a user namespace of
// its own: before squashfs-tools 4.6 -root-uid and -root-gid do nothing, and
// the image's root belongs to who makes it. Landlock keeps us from writing the
// namespace's map of users, as it does from all files that aren't ours.
func becomeRoot(cmd *exec.Cmd) {
	uid, gid := os.Getuid(), os.Getgid()
	if uid == 0 && gid == 0 {
		return
	}
	cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
	cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: uid, Size: 1}}
	cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: gid, Size: 1}}
}

func checkUnsquashfs(ctx context.Context, image string) error {
	path, err := tool("unsquashfs", "squashfs-tools")
	if err != nil {
		return err
	}
	cmd := sdk.Command(ctx, path, "-quiet", "-no-progress", "-pf", os.DevNull, image)
	cmd.Env = toolEnvironment()
	return runTool(ctx, cmd)
}

// explainNamespace tells of a tool that couldn't be started as root.
func explainNamespace(path string, err error) error {
	return problem("format", "Tool that only root can use here",
		fmt.Sprintf("%s has to run in a user namespace, so that the image's root folder belongs to root, and there can be none here: %v. "+
			"The sandbox of plugins allows none, nor do some machines.", path, err),
		fmt.Sprintf("Install the Debian package %s (`apt install %[1]s`), whose tar2sqfs needs none; or run mkmini as root, or choose another format.",
			tar2sqfsPackage))
}
