package source

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/mholt/archiver/v4"

	"github.com/mkmini/mkmini/plugins/cancel"
)

// Packages says how Debian packages are unpacked.
type Packages struct {
	// Limits bounds what comes out of all together; zero fields are 2 million
	// entries and 16 GiB.
	Limits Limits
	// Without are folders that are left out, such as "usr/share".
	Without []string
	// Progress is told how many packages were unpacked; it may be nil.
	Progress func(done int)
}

// merged are the top folders that today's systems have in usr, where packages
// older than that still have theirs at the top.
var merged = []string{"bin", "lib", "lib32", "lib64", "libx32", "sbin"}

// UnpackPackages puts the files of Debian binary packages on top of each other
// in the folder dst, which must not exist or be empty. No script of theirs is
// run, and nothing is written outside of dst. Absolute links become relative,
// so that they lead to the same files in dst. What packages have in /lib or
// /bin comes to usr/lib and usr/bin. Modes and errors are those of [Unpack].
func UnpackPackages(ctx context.Context, packages []string, dst string, o Packages) error {
	o.Limits = Tree{Limits: o.Limits}.withDefaults().Limits
	var current string
	_, err := into(dst, rules{limits: o.Limits, layers: true}, func(t *tree) error {
		for i, name := range packages {
			t.layer++
			current = name
			if err := t.unpackPackage(ctx, name, o); err != nil {
				return err
			}
			if o.Progress != nil {
				o.Progress(i + 1)
			}
		}
		t.written = true // packages that only need others are empty
		return nil
	})
	return unpackFault(ctx, current, dst, err)
}

// unpackPackage unpacks one package.
func (t *tree) unpackPackage(ctx context.Context, name string, o Packages) error {
	in, err := openRegular(name)
	if err != nil {
		return err
	}
	defer in.Close()
	data, err := packageData(in)
	if err != nil {
		return err
	}
	r, done, err := plainTar(ctx, name, data)
	if err != nil {
		return err
	}
	add := func(ctx context.Context, f archiver.FileInfo) error {
		f, ok := relocate(f, o.Without)
		if !ok {
			return ctx.Err()
		}
		return t.add(ctx, f)
	}
	all := &cappedReader{r: cancel.Reader(ctx, r), left: t.limits.Bytes + int64(t.limits.Entries)*4096 + 1<<20}
	err = (archiver.Tar{}).Extract(ctx, all, add)
	if err == nil {
		if _, err = io.Copy(io.Discard, all); err != nil {
			err = fmt.Errorf("read the package: %w", err)
		}
	}
	return errors.Join(err, done(err == nil))
}

// plainTar returns the files of a package as a tar archive. dpkg-deb is many
// times faster at that than Go is, and is on nearly every machine with apt.
// done ends it; its error is that of dpkg-deb, if that is of interest.
func plainTar(ctx context.Context, name string, data io.Reader) (r io.Reader, done func(wanted bool) error, err error) {
	if tool, err := exec.LookPath("dpkg-deb"); err == nil {
		return fromTool(ctx, tool, name)
	}
	buffered := bufio.NewReaderSize(cancel.Reader(ctx, data), 256<<10)
	head, err := buffered.Peek(262)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, nil, fmt.Errorf("read the package: %w", err)
	}
	format, err := decompressor(head)
	if err != nil {
		return nil, nil, err
	}
	if format == nil {
		return buffered, func(bool) error { return nil }, nil
	}
	d, err := format.OpenReader(buffered)
	if err != nil {
		return nil, nil, fmt.Errorf("read the package: %w", err)
	}
	return d, func(bool) error { return d.Close() }, nil
}

// fromTool has dpkg-deb decompress a package.
func fromTool(ctx context.Context, tool, name string) (io.Reader, func(bool) error, error) {
	ctx, cancel := context.WithCancel(ctx)
	cmd := exec.CommandContext(ctx, tool, "--fsys-tarfile", name)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	cmd.WaitDelay = 500 * time.Millisecond
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		cancel()
		return nil, nil, fmt.Errorf("run dpkg-deb: %w", err)
	}
	return out, func(wanted bool) error {
		defer cancel()
		if !wanted {
			cancel()
		}
		err := cmd.Wait()
		if err == nil || !wanted {
			return nil
		}
		return fmt.Errorf("dpkg-deb: %w: %s", err, strings.TrimSpace(stderr.String()))
	}, nil
}

// packageData returns the member of a package that has its files, of an ar
// archive of debian-binary, control.tar.* and data.tar.*.
// Source: deb(5).
func packageData(in io.ReaderAt) (io.Reader, error) {
	const magic, header = "!<arch>\n", 60
	head := make([]byte, header)
	if _, err := in.ReadAt(head[:len(magic)], 0); err != nil || string(head[:len(magic)]) != magic {
		return nil, errors.New("it is no Debian package")
	}
	for at := int64(len(magic)); ; {
		if _, err := in.ReadAt(head, at); err != nil {
			return nil, errors.New("it is a Debian package without data.tar")
		}
		size, err := strconv.ParseInt(strings.TrimSpace(string(head[48:58])), 10, 64)
		if err != nil || size < 0 || string(head[58:]) != "`\n" {
			return nil, errors.New("it is a damaged Debian package")
		}
		name := strings.TrimSuffix(strings.TrimSpace(string(head[:16])), "/")
		if name == "data.tar" || strings.HasPrefix(name, "data.tar.") {
			return io.NewSectionReader(in, at+header, size), nil
		}
		at += header + size + size%2
	}
}

// relocate returns an entry under the name that it gets, and false for one
// that is left out.
func relocate(f archiver.FileInfo, without []string) (archiver.FileInfo, bool) {
	if slices.Contains(strings.Split(f.NameInArchive, "/"), "..") {
		return f, true // the tree refuses it
	}
	name := merge(f.NameInArchive)
	for _, dir := range without {
		if name == dir || strings.HasPrefix(name, dir+"/") {
			return f, false
		}
	}
	if f.Mode().Type() == fs.ModeSymlink && f.LinkTarget != "" {
		f.LinkTarget = retarget(f.NameInArchive, f.LinkTarget)
	}
	if h, ok := f.Header.(*tar.Header); ok && h.Typeflag == tar.TypeLink {
		link := *h
		link.Linkname = merge(h.Linkname)
		f.Header = &link
	}
	f.NameInArchive = name
	return f, true
}

// retarget returns what a link points to once names are merged: an absolute
// path, which the tree makes relative, unless nothing has moved.
func retarget(name, target string) string {
	full := target
	if !path.IsAbs(target) {
		full = path.Join("/", path.Dir(name), target)
	}
	if !path.IsAbs(target) && !moved(name) && !moved(full) {
		return target
	}
	return "/" + merge(full)
}

// moved says whether a name gets another one by being merged.
func moved(name string) bool { return "/"+merge(name) != path.Join("/", name) }

// merge returns a name as it is on a system whose /lib and others are in
// /usr, without the dot or slash in front.
func merge(name string) string {
	name = strings.TrimPrefix(path.Join("/", name), "/")
	if top, _, _ := strings.Cut(name, "/"); slices.Contains(merged, top) {
		return "usr/" + name
	}
	return name
}
