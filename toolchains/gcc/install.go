package gcc

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mkmini/mkmini/plugins/sdk"
)

// install makes the install tree that busybox's applets/install.sh makes, and
// returns the names of the links.
func (b *build) install(ctx context.Context) ([]string, error) {
	data, err := os.ReadFile(filepath.Join(b.obj, "busybox.links"))
	if err != nil {
		return nil, fmt.Errorf("read list of links: %w", err)
	}
	links := strings.Fields(string(data))
	slices.Sort(links)
	links = slices.Compact(links)
	tree := filepath.Join(b.req.OutDir, treeName)
	if b.final["INSTALL_APPLET_SYMLINKS"] == "y" {
		err = b.symlinks(tree, links)
	} else {
		err = b.installScript(ctx, tree)
	}
	if err != nil {
		return nil, err
	}
	if err := normalize(tree); err != nil {
		return nil, err
	}
	names := make([]string, len(links))
	for i, link := range links {
		names[i] = path.Base(link)
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// symlinks installs the binary and the usual relative links.
func (b *build) symlinks(tree string, links []string) error {
	if err := copyFile(filepath.Join(b.obj, "busybox"), filepath.Join(tree, "bin", "busybox")); err != nil {
		return err
	}
	for _, link := range links {
		name := filepath.Join(tree, filepath.FromSlash(link))
		target, err := filepath.Rel(path.Dir(link), "/bin/busybox")
		if err != nil {
			return fmt.Errorf("install %s: %w", link, err)
		}
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return sdk.Diagnostics{diskProblem(err)}
		}
		if err := os.Symlink(target, name); err != nil {
			return sdk.Diagnostics{diskProblem(err)}
		}
	}
	return nil
}

// installScript leaves installing to busybox, for the ways of linking that a
// configuration may ask for.
func (b *build) installScript(ctx context.Context, tree string) error {
	option := "--none"
	for _, way := range []struct{ symbol, option string }{
		{"INSTALL_APPLET_HARDLINKS", "--hardlinks"},
		{"INSTALL_SH_APPLET_SYMLINK", "--sw-sh-sym"},
		{"INSTALL_SH_APPLET_HARDLINK", "--sw-sh-hard"},
		{"INSTALL_SH_APPLET_SCRIPT_WRAPPER", "--scriptwrapper"},
	} {
		if b.final[way.symbol] == "y" {
			option = way.option
		}
	}
	staging := filepath.Join(b.obj, "install") // OutDir may hold blanks
	t := tools{dir: b.obj, env: b.env}
	if _, err := t.output(ctx, "/bin/sh", filepath.Join(b.src, "applets", "install.sh"), staging, option); err != nil {
		return fmt.Errorf("install busybox: %w", err)
	}
	if err := os.Rename(staging, tree); err == nil {
		return nil
	}
	return os.CopyFS(tree, os.DirFS(staging)) // another file system
}

// normalize gives everything in a tree the mode it has in an image, whatever
// the umask was.
func normalize(tree string) error {
	return filepath.WalkDir(tree, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.Type()&fs.ModeSymlink != 0 {
			return err
		}
		return os.Chmod(name, 0o755)
	})
}

// keep copies what a build leaves beside its tree.
func (b *build) keep() error {
	if err := copyFile(filepath.Join(b.obj, ".config"), filepath.Join(b.req.OutDir, configName)); err != nil {
		return err
	}
	if err := copyFile(b.log.name, filepath.Join(b.req.OutDir, logName)); err != nil {
		return err
	}
	for _, name := range []string{configName, logName} {
		if err := os.Chmod(filepath.Join(b.req.OutDir, name), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// copyFile copies a file, and makes the folder it goes to.
func copyFile(from, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return sdk.Diagnostics{diskProblem(err)}
	}
	in, err := os.Open(from)
	if err != nil {
		return fmt.Errorf("copy file: %w", err)
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return sdk.Diagnostics{diskProblem(err)}
	}
	_, err = io.Copy(out, in)
	if closeErr := out.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return sdk.Diagnostics{diskProblem(err)}
	}
	return nil
}
