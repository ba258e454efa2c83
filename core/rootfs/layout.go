package rootfs

import (
	"embed"
	"io/fs"
	"maps"
	"slices"
)

// initScript becomes /init, which the kernel starts from an initramfs.
//
//go:embed init.sh
var initScript string

// bootFiles are what the preset "boot" adds, in their places.
//
//go:embed boot
var bootFiles embed.FS

// layoutItem is one name of a layout.
type layoutItem struct {
	path string
	mode uint32
	// link makes it a symlink, content a file, else it is a folder.
	link    string
	content string
}

// presets are the layouts that a file system can start with.
var presets = map[string]func(hostname string) []layoutItem{
	"minimal":   func(string) []layoutItem { return mountPoints },
	"article":   func(string) []layoutItem { return articleLayout },
	"container": func(string) []layoutItem { return containerLayout },
	"boot":      bootLayout,
}

// Presets returns the names of the layouts that a file system can start with.
func Presets() []string { return slices.Sorted(maps.Keys(presets)) }

// DefaultPreset is the layout of a file system that states none.
const DefaultPreset = "container"

var (
	// mountPoints are what a kernel or a container engine mounts on, and the
	// folder that every program expects.
	mountPoints = []layoutItem{
		{path: "dev", mode: 0o755}, {path: "proc", mode: 0o755}, {path: "sys", mode: 0o755},
		{path: "tmp", mode: 0o1777},
	}

	// articleLayout are the folders of a hand-made mini system.
	articleLayout = []layoutItem{
		{path: "bin", mode: 0o755}, {path: "sbin", mode: 0o755},
		{path: "lib", link: "usr/lib"}, {path: "lib64", link: "usr/lib64"},
		{path: "tmp", mode: 0o1777},
		{path: "usr", mode: 0o755}, {path: "usr/bin", mode: 0o755}, {path: "usr/sbin", mode: 0o755},
		{path: "usr/include", mode: 0o755}, {path: "usr/lib", mode: 0o755}, {path: "usr/lib64", mode: 0o755}, {path: "usr/local", mode: 0o755},
		{path: "var", mode: 0o755}, {path: "var/lib", mode: 0o755}, {path: "var/local", mode: 0o755},
		{path: "var/log", mode: 0o755}, {path: "var/run", mode: 0o755},
	}

	// containerLayout is that with mount points and homes, and with an init
	// for an initramfs.
	containerLayout = slices.Concat(articleLayout, mountPoints, []layoutItem{
		{path: "etc", mode: 0o755},
		{path: "init", mode: 0o755, content: initScript},
		{path: "root", mode: 0o700},
	})
)

// bootLayout is a system that starts by busybox's init.
func bootLayout(hostname string) []layoutItem {
	items := slices.Concat(containerLayout, []layoutItem{
		{path: "etc/hostname", mode: 0o644, content: hostname + "\n"},
		{path: "run", mode: 0o755},
		{path: "var/run", link: "../run"},
	})
	// Nothing in memory fails to be read.
	_ = fs.WalkDir(bootFiles, "boot", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := bootFiles.ReadFile(name)
		mode := uint32(0o644)
		if len(content) > 2 && string(content[:2]) == "#!" {
			mode = 0o755
		}
		items = append(items, layoutItem{path: name[len("boot/"):], mode: mode, content: string(content)})
		return err
	})
	return items
}

// layoutName is how people know the origin of what is in every file system.
const layoutName = "the base layout"

// addLayout puts a layout into the tree.
func addLayout(t *tree, items []layoutItem) {
	from := &origin{what: layoutName}
	for _, item := range items {
		n := &node{kind: Directory, mode: uint16(item.mode), from: from}
		switch {
		case item.link != "":
			n.symlink(item.link)
		case item.content != "":
			n.file(Content{Data: item.content, Size: int64(len(item.content))})
		}
		// Layouts are at one with themselves.
		_ = t.makeParents(item.path, from)
		t.set(item.path, n)
	}
}
