package walk_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mkmini/mkmini/core/inspect/walk"
)

// inode is one of a file system in memory, and names are those of a folder.
type inode struct {
	id    uint32
	names []name
}

type name struct {
	text string
	ref  uint64
}

func (n *inode) ID() uint32     { return n.id }
func (n *inode) IsFolder() bool { return n.names != nil }

var errBroken = errors.New("damaged")

// tree holds inodes by their references; another one is a deeper folder.
type tree map[uint64]*inode

func (t tree) Inode(ref uint64) (*inode, error) {
	if n := t[ref]; n != nil {
		return n, nil
	}
	return &inode{uint32(ref), []name{{"d", ref + 1}}}, nil
}

func (t tree) Names(n *inode, each func(string, uint64) error) error {
	for _, one := range n.names {
		if err := each(one.text, one.ref); err != nil {
			return err
		}
	}
	return nil
}

func (t tree) Broken(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{errBroken}, args...)...)
}

func TestWalk(t *testing.T) {
	file, empty := &inode{id: 7}, &inode{8, []name{}}
	one := func(text string) tree { return tree{1: {1, []name{{text, 7}}}, 7: file} }
	tests := []struct {
		about string
		tree  tree
		want  []string
		fault string
	}{
		{"a tree", tree{1: {1, []name{{"a", 7}, {"d", 2}, {"z", 8}}}, 2: {2, []name{{"a", 7}}}, 7: file, 8: empty}, []string{". 1", "a 7", "d 2", "d/a 7", "z 8"}, ""},
		{"a file as root", tree{1: file}, nil, "root is no folder"},
		{"a folder in itself", tree{1: {1, []name{{"d", 1}}}}, []string{". 1"}, "inode 1 has two names"},
		{"a folder with two names", tree{1: {1, []name{{"a", 8}, {"b", 8}}}, 8: empty}, []string{". 1", "a 8"}, "inode 8 has two names"},
		{"the longest name", one(strings.Repeat("n", 256)), []string{". 1", strings.Repeat("n", 256) + " 7"}, ""},
		{"a longer name", one(strings.Repeat("n", 257)), []string{". 1"}, "is no name"},
		{"a name that leads out", one("../a"), []string{". 1"}, "is no name"},
		{"the parent", one(".."), []string{". 1"}, "is no name"},
		{"itself", one("."), []string{". 1"}, "is no name"},
		{"no name", one(""), []string{". 1"}, "is no name"},
		{"NUL", one("a\x00"), []string{". 1"}, "is no name"},
	}
	for _, test := range tests {
		t.Run(test.about, func(t *testing.T) {
			var got []string
			err := walk.Walk(test.tree, 1, func(name string, n *inode) error {
				got = append(got, fmt.Sprintf("%s %d", name, n.id))
				return nil
			})
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if test.fault == "" && err != nil || test.fault != "" && (!errors.Is(err, errBroken) || !strings.Contains(err.Error(), test.fault)) {
				t.Errorf("got the error %v, want one with %q", err, test.fault)
			}
		})
	}
}

func TestDeep(t *testing.T) {
	if err := walk.Walk(tree{}, 1, func(string, *inode) error { return nil }); !errors.Is(err, errBroken) {
		t.Error(err)
	}
	stop := errors.New("stop")
	err := walk.Walk(tree{}, 1, func(name string, _ *inode) error {
		if len(name) > 20 {
			return stop
		}
		return nil
	})
	if err != stop {
		t.Errorf("got %v, want the visitor's error", err)
	}
}
