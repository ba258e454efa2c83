package capability_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/mkmini/mkmini/core/capability"
	"github.com/mkmini/mkmini/core/testenv"
)

// texts are capabilities as people write them, and as String does.
var texts = []struct{ text, normal string }{
	{"cap_net_raw+ep", "cap_net_raw=ep"},
	{"cap_net_raw=ep", "cap_net_raw=ep"},
	{"CAP_NET_RAW,cap_chown=p", "cap_chown,cap_net_raw=p"},
	{"cap_chown+p cap_net_raw+p", "cap_chown,cap_net_raw=p"},
	{"cap_chown=eip cap_chown-i", "cap_chown=ep"},
	{"cap_chown=p+i", "cap_chown=ip"},
	{"cap_chown=ep cap_net_raw=ei", "cap_chown=ep cap_net_raw=ei"},
	{"cap_chown=eip cap_chown=i", "cap_chown=i"},
	{"13+ep", "cap_net_raw=ep"},
	{"cap_checkpoint_restore,cap_bpf=i", "cap_bpf,cap_checkpoint_restore=i"},
	{"  cap_kill+p\t", "cap_kill=p"},
	{"=", "="},
}

func TestParse(t *testing.T) {
	for _, test := range texts {
		s, err := capability.Parse(test.text)
		if err != nil || s.String() != test.normal {
			t.Errorf("%q is %q, %v; want %q", test.text, s, err, test.normal)
		}
	}
	for text, want := range map[string]capability.Set{
		"=ep":                             {Permitted: 1<<41 - 1, Effective: true},
		"all=i cap_chown-i":               {Inheritable: 1<<41 - 2},
		"63=p":                            {Permitted: 1 << 63},
		"cap_chown=p [rootid=100000]":     {Permitted: 1, Root: 100000},
		"cap_chown=p [rootid=4294967294]": {Permitted: 1, Root: 1<<32 - 2},
	} {
		s, err := capability.Parse(text)
		if err != nil || s != want {
			t.Errorf("%q is %+v, %v", text, s, err)
		}
		if again, err := capability.Parse(s.String()); err != nil || again != s {
			t.Errorf("%q, which is %q, becomes %+v, %v", text, s, again, err)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                                "empty",
		"cap_net_raw":                     "cap_net_raw+ep",
		"cap_net_raw+e":                   "neither permitted nor inheritable",
		"cap_net_raw+ep cap_chown+p":      "all or none",
		"cap_net_raw+px":                  "no flags",
		"cap_net_raw+":                    "lacks",
		"+ep":                             "lacks",
		"cap_net_raw+p=i":                 "after another operator",
		"cap_nett_raw+p":                  `"cap_nett_raw"`,
		"net_raw+p":                       `"net_raw"`,
		"64=p":                            `"64"`,
		"cap_chown,,cap_kill=p":           `""`,
		"cap_chown=p [rootid=-1]":         "rootid",
		"cap_chown=p [rootid=1000":        "rootid",
		"[rootid=1000]":                   "empty",
		"cap_chown=p [rootid=1] =p":       "rootid",
		"cap_chown=p [4294967295]":        "rootid",
		"cap_chown=p [rootid=4294967295]": "rootid",
	} {
		if s, err := capability.Parse(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is %q, %v; want an error with %q", text, s, err, want)
		}
	}
	_, err := capability.Parse("cap_nett_raw+p")
	if unknown, ok := errors.AsType[*capability.UnknownError](err); !ok || unknown.Name != "cap_nett_raw" {
		t.Errorf("got %v", err)
	}
}

func TestDecodeRefuses(t *testing.T) {
	good := capability.Set{Permitted: 1}.Encode()
	for name, value := range map[string][]byte{
		"short": good[:19], "long": append(bytes.Clone(good), 0), "empty": nil,
		"version 1": append([]byte{0, 0, 0, 1}, good[4:]...), "flags": append([]byte{2}, good[1:]...),
		"version 3 without root": append([]byte{0, 0, 0, 3}, good[4:]...),
	} {
		if s, err := capability.Decode(value); err == nil {
			t.Errorf("%s: got %+v", name, s)
		}
	}
}

// TestSetcap compares with what libcap makes of the same text, on disk.
func TestSetcap(t *testing.T) {
	setcap, getcap := testenv.Tool(t, "setcap", "libcap2-bin"), testenv.Tool(t, "getcap", "libcap2-bin")
	testenv.Root(t, "setting file capabilities")
	name := filepath.Join(t.TempDir(), "program")
	for _, test := range texts {
		if err := os.WriteFile(name, nil, 0o755); err != nil {
			t.Fatal(err)
		}
		// A text that grants nothing removes the attribute.
		if test.normal == "=" {
			continue
		}
		testenv.Output(t, setcap, test.text, name)
		there := make([]byte, 64)
		n, err := unix.Getxattr(name, capability.Attribute, there)
		if err != nil {
			t.Fatal(err)
		}
		s, err := capability.Parse(test.text)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(there[:n], s.Encode()) {
			t.Errorf("%q is %x, setcap makes %x", test.text, s.Encode(), there[:n])
		}
		if back, err := capability.Decode(there[:n]); err != nil || back != s {
			t.Errorf("%q comes back as %+v, %v", test.text, back, err)
		}
		// Clauses may stand in another order, which means the same.
		shown := strings.TrimSpace(strings.TrimPrefix(testenv.Output(t, getcap, name), name))
		if again, err := capability.Parse(shown); err != nil || again != s {
			t.Errorf("getcap shows %q as %q, which is %+v, %v", test.text, shown, again, err)
		}
	}
	s := capability.Set{Permitted: 1, Root: 100000}
	if err := unix.Setxattr(name, capability.Attribute, s.Encode(), 0); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), getcap, "-n", name).CombinedOutput()
	if err != nil || !strings.Contains(string(out), s.String()) {
		t.Errorf("getcap -n shows %q as %s, %v", s, out, err)
	}
}

// FuzzParse checks that what is read is written as the same, and that values
// survive.
func FuzzParse(f *testing.F) {
	for _, test := range texts {
		f.Add(test.text)
	}
	f.Add("all=ep [rootid=7]")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := capability.Parse(text)
		if err != nil {
			return
		}
		if again, err := capability.Parse(s.String()); err != nil || again != s {
			t.Fatalf("%q is %+v, and %q is %+v, %v", text, s, s, again, err)
		}
		if back, err := capability.Decode(s.Encode()); err != nil || back != s {
			t.Fatalf("%q comes back as %+v, %v", text, back, err)
		}
	})
}

// FuzzDecode checks that no value is trusted.
func FuzzDecode(f *testing.F) {
	f.Add(capability.Set{Permitted: 1 << 13, Effective: true}.Encode())
	f.Add(capability.Set{Inheritable: 1 << 40, Root: 5}.Encode())
	f.Fuzz(func(t *testing.T, value []byte) {
		s, err := capability.Decode(value)
		if err != nil {
			return
		}
		if s.Root != 0 && !bytes.Equal(s.Encode(), value) {
			t.Fatalf("%x comes back as %x", value, s.Encode())
		}
		_ = s.String()
	})
}
