package symlink_test

import (
	"errors"
	"io/fs"
	"testing"

	"github.com/mkmini/mkmini/core/symlink"
)

func TestResolve(t *testing.T) {
	links := map[string]string{
		"lib": "usr/lib", "abs": "/usr/lib", "up": "../../..", "loop": "loop", "a/b": "../lib/", "chain": "a/b", "top": "/", "dot": ".",
	}
	absent := errors.New("absent")
	tests := []struct {
		path  string
		whole bool
		want  string
		err   error
	}{
		{"", true, "", nil},
		{"/", true, "", nil},
		{"..", true, "", nil},
		{"usr//./lib/../bin/", true, "usr/bin", nil},
		{"lib/x", false, "usr/lib/x", nil},
		{"lib", false, "lib", nil},
		{"lib", true, "usr/lib", nil},
		{"abs/x", true, "usr/lib/x", nil},
		{"up/usr", true, "usr", nil},
		{"chain/x", true, "usr/lib/x", nil},
		{"chain", true, "usr/lib", nil},
		{"chain", false, "chain", nil},
		{"top/top/dot/a/b/x", true, "usr/lib/x", nil},
		{"loop", false, "loop", nil},
		{"loop", true, "loop", symlink.ErrLoop},
		{"loop/x", false, "loop", symlink.ErrLoop},
		{"a/absent/x", true, "a/absent", absent},
	}
	for _, test := range tests {
		got, err := symlink.Resolve(test.path, test.whole, func(at string, more bool) (symlink.Name, error) {
			if at == "a/absent" {
				return symlink.Name{}, absent
			}
			if !fs.ValidPath(at) {
				t.Errorf("%q: looks at %q", test.path, at)
			}
			target, link := links[at]
			return symlink.Name{Link: link, Target: target}, nil
		})
		if got != test.want || err != test.err {
			t.Errorf("%q, %v: got %q and %v, want %q and %v", test.path, test.whole, got, err, test.want, test.err)
		}
	}
}
