package rootfs

import (
	_ "embed"
)

// initScript becomes /init, which the kernel starts from an initramfs.
//
//go:embed init.sh
var initScript string

// layoutItem is one name of the base layout.
type layoutItem struct {
	path string
	mode uint32
	// link makes it a symlink, content a file, else it is a folder.
	link    string
	content string
}

// layoutName is how people know the origin of what is in every file system.
const layoutName = "the base layout"

// layout returns the names that every file system starts with: the folders of
// a hand-made mini system, mount points and homes, and an init for an
// initramfs.
func layout() []layoutItem {
	items := []layoutItem{
		{path: "init", mode: 0o755, content: initScript},
		{path: "lib", link: "usr/lib"},
		{path: "lib64", link: "usr/lib64"},
		{path: "root", mode: 0o700},
		{path: "tmp", mode: 0o1777},
	}
	for _, path := range []string{
		"bin", "dev", "etc", "proc", "sbin", "sys",
		"usr", "usr/bin", "usr/include", "usr/lib", "usr/lib64", "usr/local", "usr/sbin",
		"var", "var/lib", "var/local", "var/log", "var/run",
	} {
		items = append(items, layoutItem{path: path, mode: 0o755})
	}
	return items
}

// addLayout puts the base layout into the tree.
func addLayout(t *tree) {
	from := origin{what: layoutName}
	for _, item := range layout() {
		n := &node{kind: Directory, mode: item.mode, from: from}
		switch {
		case item.link != "":
			n.kind, n.mode, n.target = Symlink, 0o777, item.link
		case item.content != "":
			n.kind, n.content = File, Content{Data: []byte(item.content), Size: int64(len(item.content))}
		}
		t.names[item.path] = n
	}
}
