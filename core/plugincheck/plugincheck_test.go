package plugincheck_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mkmini/mkmini/core/plugincheck"
	"github.com/mkmini/mkmini/core/pluginhost"
	"github.com/mkmini/mkmini/core/sandbox"
	"github.com/mkmini/mkmini/core/testenv"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// run checks the test binary under a plugin's name.
func run(t *testing.T, name string, opts plugincheck.Options) []plugincheck.Result {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	opts.Path = filepath.Join(t.TempDir(), pluginhost.Prefix+name)
	if err := os.Symlink(self, opts.Path); err != nil {
		t.Fatal(err)
	}
	opts.TempDir = t.TempDir()
	// Programs with the race detector sleep at their end for a second.
	opts.Env = []string{"GORACE=atexit_sleep_ms=0"}
	opts.Sandbox = sandbox.Detect()
	results, err := plugincheck.Run(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(opts.TempDir); err != nil || len(left) > 0 {
		t.Errorf("%d folders are left, %v", len(left), err)
	}
	return results
}

// paper are options for toolchains that compile nothing.
func paper(t *testing.T) plugincheck.Options {
	cc := filepath.Join(t.TempDir(), "paper-gcc")
	if err := os.WriteFile(cc, nil, 0o755); err != nil {
		t.Fatal(err)
	}
	return plugincheck.Options{CC: cc, Source: t.TempDir(), Version: "1.35.0"}
}

func show(results []plugincheck.Result) string {
	var b strings.Builder
	for _, r := range results {
		fmt.Fprintf(&b, "%-20s %-8s %s\n", r.Check, r.Status, r.Detail)
		for _, line := range r.Excerpt {
			fmt.Fprintf(&b, "    %s\n", line)
		}
	}
	return b.String()
}

// passes expects that nothing fails, and that nothing but the given checks is
// skipped.
func passes(t *testing.T, results []plugincheck.Result, skipped ...string) {
	t.Helper()
	allowed := strings.Join(skipped, " ") + " "
	if !sandbox.Detect().Files() {
		allowed += "export_confined probe_confined "
	}
	for _, r := range results {
		if r.Status == sdk.Fail || r.Status == sdk.Skipped && !strings.Contains(allowed, r.Check+" ") {
			t.Errorf("%s is %s: %s", r.Check, r.Status, r.Detail)
		}
	}
	if !plugincheck.Passed(results) || len(results) < 15 || t.Failed() {
		t.Errorf("all results:\n%s", show(results))
	}
}

func TestGoodExporters(t *testing.T) {
	for _, test := range []struct {
		name    string
		opts    plugincheck.Options
		skipped []string
	}{
		{"good", plugincheck.Options{}, nil},
		{"docker", plugincheck.Options{}, nil},
		{"oci", plugincheck.Options{}, nil},
		{"own", plugincheck.Options{}, []string{"export_layers"}},
		{"rootfs", plugincheck.Options{}, []string{"export_diagnostics", "diagnostics"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			results := run(t, test.name, test.opts)
			passes(t, results, test.skipped...)
			for _, r := range results {
				if want := layered[test.name]; r.Check == "export_layers" && r.Detail != want {
					t.Errorf("of layers it is said %q, not %q", r.Detail, want)
				}
			}
		})
	}
}

// layered is what is found out of layers in the artifacts of exporters.
var layered = map[string]string{
	"good": "the same bytes as with one layer", "rootfs": "the same bytes as with one layer",
	"docker": "all 3 layers are there", "oci": "all 3 layers are there",
	"own": "with several layers it writes something else than with one, in a format that mkmini can't read",
}

// Formats that are not written from the beginning to the end work when the
// plugin is confined.
func TestGoodFormats(t *testing.T) {
	for _, format := range []string{"squashfs", "qcow2"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			attributes := map[string]json.RawMessage{"format": json.RawMessage(`"` + format + `"`)}
			passes(t, run(t, "rootfs", plugincheck.Options{Attributes: attributes}))
		})
	}
}

func TestGoodToolchain(t *testing.T) {
	passes(t, run(t, "paper", paper(t)), "build_diagnostics")
}

// during are the checks that judge what others saw.
var during = map[string]bool{"progress": true, "diagnostics": true, "stdout": true, "files": true}

// Each check is seen failing.
func TestBadPlugins(t *testing.T) {
	for _, test := range []struct {
		name, check, says string
	}{
		{"html", "describe", "it printed no JSON"},
		{"stranger", "describe", `its name is "somebody"`},
		{"fickle", "describe", "something else each time"},
		{"eager", "by_hand", "it printed on standard output: Hello!"},
		{"polite", "by_hand", "status 0"},
		{"mute", "by_hand", "nothing on standard error"},
		{"open", "versions", "it serves version 7, and version 1 was due"},
		{"open", "tls", "whoever connects without a certificate"},
		{"open", "sigterm", "it still runs"},
		{"two-faced", "describe_call", "something else"},
		{"freezes", "describe_call", "deadline"},
		{"fragile", "garbage", "crashed"},
		{"escapes", "export", `"../out.txt"`},
		{"umask", "export_again", "out.txt is -rw"},
		{"clock", "export_again", "out.txt has another content"},
		{"nosy", "export_confined", "crashed"},
		{"curious", "probe_confined", "permission denied"},
		{"topmost", "export_layers", `out.tar lacks /bin of the layer "base"`},
		{"upside-down", "export_layers", "not those of the request, in their order"},
		{"blind", "export_bad", "it exported a layer that isn't there"},
		{"gruff", "export_diagnostics", "no diagnostic: "},
		{"vague", "export_diagnostics", `no diagnostic has the path "attributes.tag"`},
		{"punctual", "diagnostics", "ends with a period"},
		{"litters", "export_cancel", "it left processes behind: sleep"},
		{"restless", "export_cancel", "it still writes"},
		{"overcounts", "progress", "had done 1 of -1"},
		{"chatty", "stdout", `it printed "working`},
		{"lingers", "stop", "it still ran"},
		{"daemon", "sigterm", "it left processes behind: sleep"},
		{"homely", "files", "$HOME/.cache"},
		{"vandal", "files", "index is new"},
		{"credulous", "probe_bad", "it takes "},
		{"moody", "probe_again", "then …"},
		{"empty", "build", "has no bin/busybox"},
		{"sloppy", "build_again", "bin/busybox is -rw"},
		{"terse", "build_diagnostics", "no diagnostic: "},
		{"orphans", "build_cancel", "it left processes behind: sleep"},
	} {
		t.Run(test.name+"/"+test.check, func(t *testing.T) {
			t.Parallel()
			opts := plugincheck.Options{}
			if strings.HasPrefix(test.check, "probe") || strings.HasPrefix(test.check, "build") {
				opts = paper(t)
			}
			if strings.HasSuffix(test.check, "_confined") && !sandbox.Detect().Files() {
				testenv.Skip(t, "files can't be confined here (Debian package bubblewrap)")
			}
			opts.Checks, opts.CallTimeout = []string{test.check}, time.Minute
			if test.check == "health" {
				opts.Checks = append(opts.Checks, "describe_call")
			}
			if during[test.check] {
				opts.Checks = append(opts.Checks, "export_bad", "export_diagnostics")
			}
			results := run(t, test.name, opts)
			if plugincheck.Passed(results) {
				t.Errorf("it passes")
			}
			for _, r := range results {
				if r.Check != test.check {
					continue
				}
				if r.Status != sdk.Fail || !strings.Contains(r.Detail, test.says) || r.Remedy == "" {
					t.Errorf("%s is %s: %s\nwant %q in\n%s", r.Check, r.Status, r.Detail, test.says, show(results))
				}
				return
			}
			t.Errorf("there is no check %s:\n%s", test.check, show(results))
		})
	}
}

// TestRealToolchain has mkmini's own toolchain compile busybox, twice, and
// stops it in the middle.
func TestRealToolchain(t *testing.T) {
	if testing.Short() {
		t.Skip("it compiles busybox")
	}
	testenv.Tool(t, "gcc", "gcc")
	testenv.Tool(t, "make", "make")
	gcc, err := exec.LookPath("gcc")
	if err != nil {
		t.Fatal(err)
	}
	source := filepath.Join(t.TempDir(), "busybox")
	if err := os.Mkdir(source, 0o755); err != nil {
		t.Fatal(err)
	}
	testenv.Output(t, "tar", "-xf", testenv.BusyboxSource(t), "-C", source, "--strip-components=1")
	results := run(t, "x86_64", plugincheck.Options{
		CC: gcc, Source: source, Version: "1.35.0", Jobs: 2,
	})
	passes(t, results)
}
