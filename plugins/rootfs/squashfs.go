package rootfs

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/mkmini/mkmini/plugins/artifact"
	"github.com/mkmini/mkmini/plugins/layer"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// compressions are those of squashfs images.
var compressions = []string{"gzip", "xz", "zstd"}

// contents is what must be known of a layer before it goes to sqfstar.
type contents struct {
	// inodes counts files, the root with them, but not names.
	inodes uint32
	// latest is the latest time of all.
	latest time.Time
}

// exportSquashfs has squashfs-tools make an image of the layer.
func exportSquashfs(ctx context.Context, req sdk.ExportRequest, name string, opts options) (sdk.Diagnostics, error) {
	writer, err := tool("sqfstar", "squashfs-tools")
	if err != nil {
		return nil, err
	}
	reader, err := tool("unsquashfs", "squashfs-tools")
	if err != nil {
		return nil, err
	}
	has, err := surveySquashfs(ctx, req)
	if err != nil {
		return nil, err
	}
	method := opts.Compression
	if method == "" {
		method = compressions[0]
	}
	return nil, artifact.MakeFile(req.OutDir, name, func(file *os.File) error {
		cmd := sdk.Command(ctx, writer, "-comp", method, "-processors", strconv.Itoa(max(1, req.Jobs)), "-no-xattrs",
			"-root-mode", "755", "-exit-on-error", "-quiet", "-no-progress", "-force", file.Name())
		// -root-time does nothing before squashfs-tools 4.6. This bounds all
		// times from above, the root's with them, which is that of the run; the
		// others stay as they are.
		cmd.Env = toolEnvironment("SOURCE_DATE_EPOCH=" + strconv.FormatInt(has.latest.Unix(), 10))
		becomeRoot(cmd)
		archive, err := os.Open(req.Images[0].Layer)
		if err != nil {
			return err
		}
		defer archive.Close()
		cmd.Stdin = archive
		return runTool(ctx, cmd)
	}, func(path string) error {
		if err := checkInodes(path, has.inodes); err != nil {
			return err
		}
		// Reads and unpacks all there is.
		cmd := sdk.Command(ctx, reader, "-quiet", "-no-progress", "-pf", os.DevNull, path)
		cmd.Env = toolEnvironment()
		return runTool(ctx, cmd)
	})
}

// becomeRoot has the tool believe that root runs it, in a user namespace of
// its own: before squashfs-tools 4.6 -root-uid and -root-gid do nothing, and
// the image's root belongs to who makes it.
func becomeRoot(cmd *exec.Cmd) {
	uid, gid := os.Getuid(), os.Getgid()
	if uid == 0 && gid == 0 {
		return
	}
	cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
	cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: uid, Size: 1}}
	cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: gid, Size: 1}}
}

// surveySquashfs reads the layer once, and refuses what squashfs can't hold.
func surveySquashfs(ctx context.Context, req sdk.ExportRequest) (contents, error) {
	img, has := req.Images[0], contents{inodes: 1, latest: req.Epoch}
	ids := make(map[int]bool)
	err := layer.Walk(ctx, img.Layer, img.Digest, func(e layer.Entry, _ io.Reader) error {
		if seconds := e.ModTime.Unix(); seconds < 0 || seconds >= 1<<32 {
			return fmt.Errorf("%q: squashfs can't hold a time before 1970 or after 2106", e.Name)
		}
		if ids[e.UID], ids[e.GID] = true, true; len(ids) > 1<<16 {
			return fmt.Errorf("%q: squashfs can't hold more than 65536 owners and groups", e.Name)
		}
		if (e.Type == layer.CharDevice || e.Type == layer.BlockDevice) && (e.Major >= 1<<12 || e.Minor >= 1<<20) {
			return fmt.Errorf("%q: squashfs can't hold a device %d:%d", e.Name, e.Major, e.Minor)
		}
		if e.Type != layer.Hardlink {
			has.inodes++
		}
		if e.ModTime.After(has.latest) {
			has.latest = e.ModTime
		}
		return nil
	})
	if err == nil && has.latest.After(time.Now()) {
		err = errors.New("squashfs images are the same each time only if no file is from the future")
	}
	return has, err
}

// checkInodes compares the number of inodes in the super block.
func checkInodes(path string, want uint32) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	var head [96]byte
	if _, err := io.ReadFull(file, head[:]); err != nil {
		return fmt.Errorf("read the super block: %w", err)
	}
	if got := binary.LittleEndian.Uint32(head[4:]); string(head[:4]) != "hsqs" || got != want {
		return fmt.Errorf("it has %d inodes, not %d", got, want)
	}
	return nil
}

// tool returns the path of a tool.
func tool(name, debianPackage string) (string, error) {
	path, err := exec.LookPath(name)
	if err != nil {
		return "", problem("format", "Tool missing", fmt.Sprintf("There is no %s in PATH.", name),
			fmt.Sprintf("Install the Debian package %s (`apt install %s`), or choose another format.", debianPackage, debianPackage))
	}
	return path, nil
}

// toolEnvironment is all that tools see of the environment.
func toolEnvironment(more ...string) []string {
	return append([]string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC"}, more...)
}

// runTool runs a tool. What it says about the disk is an error of the disk.
func runTool(ctx context.Context, cmd *exec.Cmd) error {
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	err := sdk.Run(cmd)
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if cmd.Process == nil && cmd.SysProcAttr.Cloneflags != 0 {
		return problem("format", "No user namespaces", fmt.Sprintf("%s can't be started in a user namespace: %v.", cmd.Path, err),
			"Run mkmini as root, give --no-sandbox if user namespaces are allowed, or choose another format.")
	}
	text := strings.Join(strings.FieldsFunc(said.String(), func(r rune) bool { return r == '\n' }), "; ")
	// Tools tell only by strerror's text what the kernel told them.
	for _, number := range []syscall.Errno{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG, syscall.EROFS} {
		if strings.Contains(strings.ToLower(text), number.Error()) {
			err = number
		}
	}
	return fmt.Errorf("%s: %w: %s", cmd.Path, err, text)
}
