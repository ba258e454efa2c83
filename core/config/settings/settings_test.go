package settings_test

import (
	"bytes"
	"flag"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"

	"github.com/mkmini/mkmini/core/config/settings"
)

var update = flag.Bool("update", false, "write the golden files")

const full = `store   = "~/fast/mkmini"
jobs    = 3
offline = true

mirrors = {
  "https://busybox.net/downloads/" = ["https://mirror.example/busybox/", "file:///srv/busybox/"]
}

proxy {
  http     = "http://user:secret@proxy.example:3128"
  https    = "socks5://proxy.example:1080"
  no_proxy = ["localhost", ".example.org"]
}

plugins {
  mirror    = "plugins"
  signature = "required"
  keys      = { vendor = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3" }
  from_path = true
  overrides = { board = "~/board/out" }
}
`

func TestParse(t *testing.T) {
	got, _, diags := settings.Parse([]byte(full), "config.hcl", "/etc", "/home/mini")
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	want := settings.Settings{
		Store: "/home/mini/fast/mkmini", Jobs: 3, Offline: true,
		Mirrors: map[string][]string{"https://busybox.net/downloads/": {"https://mirror.example/busybox/", "file:///srv/busybox/"}},
		Proxy: settings.Proxy{
			HTTP: "http://user:secret@proxy.example:3128", HTTPS: "socks5://proxy.example:1080", NoProxy: []string{"localhost", ".example.org"},
		},
		Plugins: settings.Plugins{
			Mirror: "/etc/plugins", SignatureRequired: true, FromPath: true,
			Keys:      map[string]string{"vendor": "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3"},
			Overrides: map[string]string{"board": "/home/mini/board/out"},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
	for text, want := range map[string]string{`store = "here"`: "/etc/here", `store = "/x/../y"`: "/y", "": ""} {
		got, _, diags := settings.Parse([]byte(text+"\n"), "config.hcl", "/etc", "")
		if diags.HasErrors() || got.Store != want {
			t.Errorf("%s: %q, %v", text, got.Store, diags)
		}
	}
}

// TestBad compares what is said of each file of testdata.
func TestBad(t *testing.T) {
	files, err := filepath.Glob("testdata/*.hcl")
	if err != nil || len(files) < 2 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		_, source, diags := settings.Parse(src, file, "/etc", "")
		if !diags.HasErrors() {
			t.Errorf("%s is not an error", file)
		}
		var out bytes.Buffer
		w := hcl.NewDiagnosticTextWriter(&out, map[string]*hcl.File{file: source}, 78, false)
		if err := w.WriteDiagnostics(diags); err != nil {
			t.Fatal(err)
		}
		golden := strings.TrimSuffix(file, "hcl") + "diag"
		if *update {
			if err := os.WriteFile(golden, out.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), out.String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", file, diff)
		}
	}
}

func TestLoad(t *testing.T) {
	home, xdg := t.TempDir(), t.TempDir()
	write := func(path, text string) string {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write(filepath.Join(home, ".config/mkmini/config.hcl"), "jobs = 1\n")
	write(filepath.Join(xdg, "mkmini/config.hcl"), "jobs = 2\n")
	named := write(filepath.Join(xdg, "mine.hcl"), "jobs = 3\nstore = \"s\"\n")
	tests := []struct {
		name string
		env  map[string]string
		jobs int
		bad  bool
	}{
		{"no home", nil, 0, false},
		{"home", map[string]string{"HOME": home}, 1, false},
		{"XDG_CONFIG_HOME", map[string]string{"HOME": home, "XDG_CONFIG_HOME": xdg}, 2, false},
		{"XDG_CONFIG_HOME is relative", map[string]string{"HOME": home, "XDG_CONFIG_HOME": "x"}, 1, false},
		{"MKMINI_CONFIG", map[string]string{"HOME": home, "XDG_CONFIG_HOME": xdg, "MKMINI_CONFIG": named}, 3, false},
		{"none there", map[string]string{"HOME": xdg}, 0, false},
		{"none in the place that was named", map[string]string{"HOME": home, "MKMINI_CONFIG": "/nonexistent"}, 0, true},
		{"a folder", map[string]string{"MKMINI_CONFIG": xdg}, 0, true},
		{"the null device", map[string]string{"HOME": home, "MKMINI_CONFIG": os.DevNull}, 0, false},
	}
	for _, test := range tests {
		got, _, _, diags := settings.Load(func(name string) string { return test.env[name] })
		if got.Jobs != test.jobs || diags.HasErrors() != test.bad {
			t.Errorf("%s: %+v, %v", test.name, got, diags)
		}
		if got.Store != "" && got.Store != filepath.Join(xdg, "s") {
			t.Errorf("%s: store %s", test.name, got.Store)
		}
	}
}

func TestThrough(t *testing.T) {
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy", "REQUEST_METHOD"} {
		t.Setenv(name, "")
	}
	p := settings.Proxy{HTTP: "http://one.example:1", HTTPS: "http://two.example:2", NoProxy: []string{"direct.example"}}
	asked := func(target string) string {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, target, nil)
		if err != nil {
			t.Fatal(err)
		}
		u, err := p.Through()(req)
		switch {
		case err != nil:
			return err.Error()
		case u == nil:
			return ""
		}
		return u.Host
	}
	for target, want := range map[string]string{
		"http://a.example": "one.example:1", "https://a.example": "two.example:2",
		"http://x.direct.example": "", "https://localhost": "",
	} {
		if got := asked(target); got != want {
			t.Errorf("%s goes through %q, want %q", target, got, want)
		}
	}
	t.Setenv("HTTP_PROXY", "http://env.example:3")
	if got := asked("http://a.example"); got != "env.example:3" {
		t.Errorf("the environment doesn't come first: %q", got)
	}
	if got := asked("https://a.example"); got != "two.example:2" {
		t.Errorf("a variable that isn't set has a say: %q", got)
	}
}

// TestEnviron looks at what apt is told of proxies.
func TestEnviron(t *testing.T) {
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy"} {
		t.Setenv(name, "")
	}
	env := []string{"A=b", "http_proxy="}
	if diff := cmp.Diff(env, settings.Proxy{}.Environ(env)); diff != "" {
		t.Errorf("without any (-want +got):\n%s", diff)
	}
	p := settings.Proxy{HTTP: "http://one.example:1", HTTPS: "socks5://two.example:2", NoProxy: []string{"a.example", "b.example"}}
	t.Setenv("NO_PROXY", "mine.example")
	got := p.Environ(env)
	slices.Sort(got)
	want := []string{"A=b", "http_proxy=http://one.example:1", "https_proxy=socks5h://two.example:2", "no_proxy=mine.example"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("with all (-want +got):\n%s", diff)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(full))
	f.Add([]byte("mirrors = { a = [null], b = \"c\" }\nproxy {\n  http = 1\n}\nproxy {}\n"))
	f.Add([]byte("jobs = 1e99\nstore = \"\"\n"))
	f.Fuzz(func(t *testing.T, src []byte) {
		got, source, diags := settings.Parse(src, "x", "/etc", "/root")
		if source == nil {
			t.Fatal("no text for messages")
		}
		for _, d := range diags {
			if d.Subject == nil || d.Summary == "" || d.Detail == "" {
				t.Errorf("a message without place or words: %v", d)
			}
		}
		if diags.HasErrors() {
			return
		}
		if got.Jobs < 0 || got.Store != "" && !filepath.IsAbs(got.Store) {
			t.Errorf("settings %+v", got)
		}
		got.Proxy.Through()
	})
}
