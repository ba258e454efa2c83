package lockfile_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/mkmini/mkmini/core/config/lockfile"
)

// ignore leaves out where entries stand.
var ignore = cmpopts.IgnoreFields(lockfile.Entry{}, "Ranges", "Range")

func entries() []lockfile.Entry {
	return []lockfile.Entry{
		{Kind: lockfile.Busybox, Name: "aarch64", Values: map[string]string{"version": "1.36.1", "sha256": strings.Repeat("b", 64)}},
		{Kind: lockfile.Libc, Name: "aarch64", Values: map[string]string{"name": "musl", "version": "1.2.5", "sha256": strings.Repeat("c", 64)}},
		{Kind: lockfile.Required, Name: "aarch64", Values: map[string]string{
			"version": "1.2.0", "source": "https://plugins.example/", "key": "RW1",
			"archives.mkmini-plugin-aarch64_v1.2.0_p1_linux_amd64.tar.gz": "6",
			"archives.mkmini-plugin-aarch64_v1.2.0_p1_linux_arm64.tar.gz": "7",
			"executables.linux/amd64":                                     "8",
		}},
		{Kind: lockfile.Required, Name: "bare", Values: map[string]string{"version": "1.0.0", "source": "./bare"}},
		{Kind: lockfile.Toolchain, Host: "linux/amd64", Name: "aarch64", Values: map[string]string{
			"kind": "deb", "target": "aarch64-linux-gnu", "version": "gcc 12.2.0", "fingerprint": "sha256:1",
			"pins.gcc-12-aarch64-linux-gnu": "12.2.0-14cross1 sha256:2", "pins.suite": "bookworm", "facts.libc": "glibc ${2.36} \"x\"\n",
		}},
		{Kind: lockfile.Plugin, Host: "linux/amd64", Name: "foo", Values: map[string]string{"version": "1.0.0", "sha256": "3"}},
		{Kind: lockfile.Toolchain, Host: "linux/arm64", Name: "aarch64", Values: map[string]string{
			"kind": "host", "target": "aarch64-linux-gnu", "version": "gcc 13", "fingerprint": "sha256:4",
		}},
	}
}

const text = `# What this configuration is built with. Written by "mkmini lock", checked by
# "mkmini build --locked". Keep it with the configuration; don't edit it.

version = 1

busybox "aarch64" {
  version = "1.36.1"
  sha256  = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
}

libc "aarch64" {
  name    = "musl"
  version = "1.2.5"
  sha256  = "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
}

required_plugin "aarch64" {
  version = "1.2.0"
  source  = "https://plugins.example/"
  key     = "RW1"
  archives = {
    "mkmini-plugin-aarch64_v1.2.0_p1_linux_amd64.tar.gz" = "6"
    "mkmini-plugin-aarch64_v1.2.0_p1_linux_arm64.tar.gz" = "7"
  }
  executables = {
    "linux/amd64" = "8"
  }
}

required_plugin "bare" {
  version = "1.0.0"
  source  = "./bare"
}

host "linux/amd64" {
  toolchain "aarch64" {
    kind        = "deb"
    target      = "aarch64-linux-gnu"
    version     = "gcc 12.2.0"
    fingerprint = "sha256:1"
    pins = {
      "gcc-12-aarch64-linux-gnu" = "12.2.0-14cross1 sha256:2"
      "suite"                    = "bookworm"
    }
    facts = {
      "libc" = "glibc $${2.36} \"x\"\n"
    }
  }

  plugin "foo" {
    version = "1.0.0"
    sha256  = "3"
  }
}

host "linux/arm64" {
  toolchain "aarch64" {
    kind        = "host"
    target      = "aarch64-linux-gnu"
    version     = "gcc 13"
    fingerprint = "sha256:4"
  }
}
`

func TestFormat(t *testing.T) {
	shuffled := entries()
	slices.Reverse(shuffled)
	f := &lockfile.File{Entries: shuffled}
	if diff := cmp.Diff(text, string(f.Bytes())); diff != "" {
		t.Errorf("text (-want +got):\n%s", diff)
	}
	again, diags := lockfile.Parse([]byte(text), "x")
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	if diff := cmp.Diff(entries(), again.Entries, ignore); diff != "" {
		t.Errorf("read back (-want +got):\n%s", diff)
	}
}

func TestSave(t *testing.T) {
	path := filepath.Join(t.TempDir(), lockfile.Name)
	f, diags := lockfile.Load(path)
	if diags.HasErrors() || f.Source != nil || len(f.Entries) > 0 {
		t.Fatalf("a lock that isn't there: %v, %v", f, diags)
	}
	f.Update("linux/amd64", []string{"aarch64"}, entries())
	for _, want := range []bool{true, false} {
		if wrote, err := f.Save(); err != nil || wrote != want {
			t.Errorf("wrote %v, %v, want %v", wrote, err, want)
		}
	}
	got, err := os.ReadFile(path)
	if diff := cmp.Diff(text, string(got)); err != nil || diff != "" {
		t.Errorf("file (-want +got):\n%s%v", diff, err)
	}
	left, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(left) != 1 {
		t.Errorf("files %v, %v", left, err)
	}
	f.Path = filepath.Join(t.TempDir(), "none", lockfile.Name)
	if _, err := f.Save(); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("err = %v", err)
	}
}

// TestUpdate puts what one host has in, and looks for what others have.
func TestUpdate(t *testing.T) {
	f := &lockfile.File{Entries: entries()}
	now := []lockfile.Entry{
		{Kind: lockfile.Busybox, Name: "aarch64", Values: map[string]string{"version": "1.37.0", "sha256": "5"}},
		{Kind: lockfile.Toolchain, Host: "linux/amd64", Name: "aarch64", Values: map[string]string{"kind": "host"}},
		{Kind: lockfile.Toolchain, Host: "linux/amd64", Name: "sw64", Values: map[string]string{"kind": "path"}},
	}
	f.Update("linux/amd64", []string{"aarch64", "sw64"}, now)
	all := entries()
	want := []lockfile.Entry{now[0], all[2], all[3], now[1], now[2], all[5], all[6]}
	if diff := cmp.Diff(want, f.Entries, ignore); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
}

func TestCompare(t *testing.T) {
	f, diags := lockfile.Parse([]byte(text), "mkmini.lock.hcl")
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	if faults := f.Compare(entries(), true); faults != nil {
		t.Errorf("the same: %v", faults)
	}
	now := entries()[4:5]
	now[0].Values["fingerprint"] = "sha256:9"
	delete(now[0].Values, "pins.suite")
	now[0].Values["facts.elf"] = "ELF64"
	faults := f.Compare(now, false)
	if len(faults) != 1 {
		t.Fatal(faults)
	}
	want := []string{
		`mkmini.lock.hcl:40: fingerprint is "sha256:1" in the lock, and "sha256:9" here`,
		`mkmini.lock.hcl:36: facts.elf is nothing in the lock, and "ELF64" here`,
		`mkmini.lock.hcl:43: pins.suite is "bookworm" in the lock, and nothing here`,
	}
	if diff := cmp.Diff(want, faults[0].Excerpt); diff != "" || faults[0].Summary != "Compiler for aarch64 differs from the lock" || faults[0].Range.Start.Line != 40 {
		t.Errorf("%v (-want +got):\n%s", faults[0], diff)
	}
	now[0].Host = "linux/riscv64"
	if faults := f.Compare(now, false); faults != nil {
		t.Errorf("an unknown host has differences: %v", faults)
	}
	faults = f.Compare(now, true)
	if len(faults) != 1 || faults[0].Detail != "mkmini.lock.hcl has no entry for it on linux/riscv64." {
		t.Errorf("an unknown host: %v", faults)
	}
}

func TestBad(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"newer":           {"version = 2\nfuture {}\n", "Lock from a newer mkmini"},
		"newer by far":    {"version = 1e9\n", "Lock from a newer mkmini"},
		"no version":      {"", `Attribute "version" is missing`},
		"old":             {"version = 0\n", "Number out of range"},
		"no number":       {"version = \"x\"\n", "Wrong type"},
		"conflict":        {"<<<<<<< HEAD\nversion = 1\n", "Argument or block definition required"},
		"binary":          {"\x00\x01", "Invalid character"},
		"unknown":         {"version = 1\nbusybx \"x\" {}\n", `Did you mean "busybox"?`},
		"duplicate":       {"version = 1\nhost \"a\" {}\nhost \"a\" {}\n", `Duplicate block "host"`},
		"no constant":     {"version = 1\nbusybox \"x\" {\n  version = local.x\n  sha256 = \"1\"\n}\n", "Value is not constant"},
		"half an entry":   {"version = 1\nbusybox \"x\" {\n  version = \"1\"\n}\n", `Attribute "sha256" is missing`},
		"null in a map":   {"version = 1\nhost \"h\" {\n  toolchain \"x\" {\n    kind = \"\"\n    target = \"\"\n    version = \"\"\n    fingerprint = \"\"\n    pins = { a = null }\n  }\n}\n", "Element is null"},
		"nested deeply":   {strings.Repeat("a {", 1000), "Nested too deeply"},
		"a label missing": {"version = 1\nhost {}\n", "Label missing"},
	} {
		f, diags := lockfile.Parse([]byte(test.text), "mkmini.lock.hcl")
		if !diags.HasErrors() || f == nil || f.Source == nil || !strings.Contains(diags.Error(), test.want) {
			t.Errorf("%s: %v, want %q", name, diags, test.want)
			continue
		}
		for _, d := range diags {
			if d.Subject == nil || !strings.Contains(d.Detail, "mkmini lock") {
				t.Errorf("%s: no place or no remedy: %v", name, d)
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(text))
	f.Add([]byte("version = 2\n"))
	f.Add([]byte("version = 1\nhost \"\" {}\nbusybox \"x\" {\n  version = 1\n  sha256 = true\n}\n"))
	f.Fuzz(func(t *testing.T, src []byte) {
		if strings.Contains(strings.ToLower(string(src)), "e") && len(src) > 1<<16 {
			t.Skip("slow")
		}
		file, diags := lockfile.Parse(src, "x")
		if diags.HasErrors() {
			return
		}
		if faults := file.Compare(file.Entries, true); len(faults) > 0 {
			t.Errorf("it differs from itself: %v", faults)
		}
		out := file.Bytes()
		again, diags := lockfile.Parse(out, "x")
		if diags.HasErrors() {
			t.Fatalf("what was written can't be read: %v\n%s", diags, out)
		}
		if diff := cmp.Diff(file.Entries, again.Entries, ignore); diff != "" {
			t.Errorf("read back (-want +got):\n%s", diff)
		}
		if string(again.Bytes()) != string(out) {
			t.Error("the text isn't stable")
		}
	})
}
