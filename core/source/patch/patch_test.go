package patch_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mkmini/mkmini/core/source/patch"
)

// lines is a text of numbered lines.
const lines = "one\ntwo\nthree\nfour\nfive\n"

// source is a tree to patch.
func source(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "src")
	for name, text := range map[string]string{"a.c": lines, "sub/b.c": "b\n", "run.sh": "#!/bin/sh\n"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(filepath.Join(dir, "run.sh"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc", filepath.Join(dir, "out")); err != nil {
		t.Fatal(err)
	}
	return dir
}

// state is what is in a tree, by name.
func state(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, _ := filepath.Rel(dir, name)
		if d.Type() == fs.ModeSymlink {
			target, err := os.Readlink(name)
			all[rel] = "-> " + target
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		text, err := os.ReadFile(name)
		all[rel] = info.Mode().String() + " " + string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

const traditional = `--- busybox-1.36.1/a.c	2024-01-01 10:00:00.000000000 +0000
+++ busybox/a.c	2024-01-02 10:00:00.000000000 +0000
@@ -1,4 +1,4 @@
 one
-two
+2
 three
 four
`

const git = `An explanation.

diff --git a/run.sh b/run.sh
--- a/run.sh
+++ b/run.sh
@@ -1 +1,2 @@
 #!/bin/sh
+echo
diff --git a/sub/b.c b/sub/b.c
deleted file mode 100644
--- a/sub/b.c
+++ /dev/null
@@ -1 +0,0 @@
-b
diff --git a/new/tool b/new/tool
new file mode 100755
--- /dev/null
+++ b/new/tool
@@ -0,0 +1 @@
+new
`

func TestApply(t *testing.T) {
	dir := source(t)
	pristine := state(t, dir)
	copied := filepath.Join(t.TempDir(), "copy")
	if err := patch.Copy(t.Context(), dir, copied); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(pristine, state(t, copied)); diff != "" {
		t.Errorf("the copy (-source +copy):\n%s", diff)
	}
	var changed []string
	for _, text := range []string{traditional, git} {
		names, err := patch.Apply(copied, []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		changed = append(changed, names...)
	}
	if diff := cmp.Diff([]string{"a.c", "run.sh", "sub/b.c", "new/tool"}, changed); diff != "" {
		t.Errorf("changed (-want +got):\n%s", diff)
	}
	want := map[string]string{
		"a.c": "-rw-r--r-- one\n2\nthree\nfour\nfive\n", "run.sh": "-rwxr-xr-x #!/bin/sh\necho\n",
		"new/tool": "-rwxr-xr-x new\n", "out": "-> /etc",
	}
	if diff := cmp.Diff(want, state(t, copied)); diff != "" {
		t.Errorf("the patched copy (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(pristine, state(t, dir)); diff != "" {
		t.Errorf("the source changed with its copy (-before +after):\n%s", diff)
	}
}

func TestApplyRefuses(t *testing.T) {
	hunk := func(name string) string {
		return "--- a/" + name + "\n+++ b/" + name + "\n@@ -1 +1 @@\n-one\n+1\n"
	}
	tests := map[string]struct{ diff, want string }{
		"nothing":   {"no diff at all\n", "changes nothing"},
		"no file":   {hunk("c.c"), "no such file"},
		"upwards":   {hunk("../a.c"), "no name below"},
		"absolute":  {"--- a//etc/passwd\n+++ b//etc/passwd\n@@ -1 +1 @@\n-one\n+1\n", ""},
		"a link":    {hunk("out/passwd"), ""},
		"the link":  {hunk("out"), "no regular file"},
		"content":   {strings.ReplaceAll(traditional, "three", "drei"), "line"},
		"offset":    {strings.ReplaceAll(traditional, "@@ -1,4 +1,4 @@", "@@ -2,4 +2,4 @@"), "expects"},
		"there":     {"--- /dev/null\n+++ b/a.c\n@@ -0,0 +1 @@\n+1\n", "already"},
		"new link":  {"--- /dev/null\n+++ b/out/mkmini\n@@ -0,0 +1 @@\n+1\n", ""},
		"truncated": {"--- a/a.c\n+++ b/a.c\n@@ -1,5 +1,5 @@\n one\n", "no unified diff"},
		"renaming":  {"diff --git a/a.c b/z.c\nsimilarity index 100%\nrename from a.c\nrename to z.c\n", "renaming"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			dir := source(t)
			before := state(t, dir)
			_, err := patch.Apply(dir, []byte(test.diff))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("err = %v, want %q", err, test.want)
			}
			if diff := cmp.Diff(before, state(t, dir)); diff != "" {
				t.Errorf("it changed (-before +after):\n%s", diff)
			}
		})
	}
}

// FuzzApply looks for diffs that do harm.
func FuzzApply(f *testing.F) {
	f.Add(traditional)
	f.Add(git)
	f.Add("--- a/../x\n+++ b/../x\n@@ -0,0 +1 @@\n+1\n")
	f.Fuzz(func(t *testing.T, diff string) {
		parent := t.TempDir()
		dir := filepath.Join(parent, "src")
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "a.c"), []byte(lines), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(parent, "outside"), []byte(lines), 0o644); err != nil {
			t.Fatal(err)
		}
		_, _ = patch.Apply(dir, []byte(diff))
		all := state(t, parent)
		for name := range all {
			if name != "outside" && !strings.HasPrefix(name, "src/") {
				t.Errorf("it wrote %s", name)
			}
		}
		if all["outside"] != "-rw-r--r-- "+lines {
			t.Error("it changed a file outside")
		}
	})
}
