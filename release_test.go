package main_test

import (
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"aead.dev/minisign"
	"github.com/google/go-containerregistry/pkg/registry"
)

// released is a release of the plugin paper: packed and signed by its vendor,
// and served by https and from a registry on this machine.
type released struct {
	dist, registry, url, cert string
	pub                       string
}

func releasePaper(t *testing.T) released {
	t.Helper()
	r := released{dist: filepath.Join(t.TempDir(), "dist")}
	bin := t.TempDir()
	makePlugin(t, "toolchain", bin, "mkmini-plugin-paper")
	pack := command{args: []string{"plugin", "pack", "--out", r.dist, filepath.Join(bin, "mkmini-plugin-paper")}}
	if got := pack.run(t); got.code != 0 || !strings.Contains(got.stdout, "_linux_"+runtime.GOARCH+".tar.gz") {
		t.Fatalf("pack: exit code %d\n%s%s", got.code, got.stdout, got.stderr)
	}
	r.pub = r.sign(t)

	server := httptest.NewUnstartedServer(http.StripPrefix("/paper", http.FileServer(http.Dir(r.dist))))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	r.url = server.URL + "/paper/"
	r.cert = filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(r.cert, block, 0o644); err != nil {
		t.Fatal(err)
	}

	hub := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(hub.Close)
	r.registry = "oci://" + strings.TrimPrefix(hub.URL, "http://") + "/vendor/paper"
	push := command{args: []string{"plugin", "pack", "--out", r.dist, "--push", r.registry + ":0.1.0"}}
	if got := push.run(t); got.code != 0 || !strings.Contains(got.stdout, r.registry+":0.1.0@sha256:") {
		t.Fatalf("push: exit code %d\n%s%s", got.code, got.stdout, got.stderr)
	}
	return r
}

// sign signs the list of hashes with a new key, and returns the public one.
func (r released) sign(t *testing.T) string {
	t.Helper()
	pub, priv, err := minisign.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	sums, err := os.ReadFile(filepath.Join(r.dist, "SHA256SUMS"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(r.dist, "SHA256SUMS.minisig"), minisign.Sign(priv, sums), 0o644); err != nil {
		t.Fatal(err)
	}
	return pub.String()
}

// TestReleasedPlugin goes the whole way: a vendor's release, two people who
// install it at once, a build, and what somebody changed afterwards.
func TestReleasedPlugin(t *testing.T) {
	t.Parallel()
	r := releasePaper(t)
	for name, source := range map[string]string{"https": r.url, "registry": r.registry} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write := func(name, text string) {
				t.Helper()
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			write("settings.hcl", fmt.Sprintf("plugins {\n  signature = \"required\"\n  keys = { vendor = %q }\n}\n", r.pub))
			write("letter.hcl", fmt.Sprintf(`required_plugins {
  paper = { source = %q, version = "~> 0.1" }
}
toolchain "paper" { greeting = "dear" }
busybox {
  %s
}
export "rootfs" { format = "cpio" }
`, source, busyboxFile(t)))
			// What others wrote stays.
			const others = `version = 1

required_plugin "other" {
  version = "3.0.0"
  source  = "https://plugins.example/"
}

host "plan9/mips" {
  plugin "other" {
    version = "1.0.0"
    sha256  = "1"
  }
}
`
			write("mkmini.lock.hcl", others)
			mkmini := func(args ...string) command {
				return command{args: args, dir: dir, env: []string{
					"MKMINI_STORE=" + filepath.Join(dir, "store"), "MKMINI_CONFIG=" + filepath.Join(dir, "settings.hcl"), "SSL_CERT_FILE=" + r.cert,
				}}
			}
			if got := mkmini("plan", "-c", "letter.hcl").run(t); got.code != 2 || !strings.Contains(got.stderr, "mkmini init -c letter.hcl") {
				t.Fatalf("before init: exit code %d\n%s", got.code, got.stderr)
			}
			var group sync.WaitGroup
			for range 2 {
				group.Go(func() {
					got := mkmini("init", "-c", "letter.hcl").run(t)
					if got.code != 0 || !strings.Contains(got.stdout, "paper 0.1.0") || !strings.Contains(got.stdout, "(vendor)") {
						t.Errorf("init: exit code %d\n%s%s", got.code, got.stdout, got.stderr)
					}
				})
			}
			group.Wait()
			lock, err := os.ReadFile(filepath.Join(dir, "mkmini.lock.hcl"))
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range []string{`required_plugin "paper"`, r.pub, `required_plugin "other"`, `host "plan9/mips"`, "_linux_" + runtime.GOARCH + ".tar.gz"} {
				if !strings.Contains(string(lock), want) {
					t.Errorf("%q is not in the lock:\n%s", want, lock)
				}
			}
			plugin := filepath.Join(dir, ".mkmini", "plugins", "mkmini-plugin-paper")
			entries, err := os.ReadDir(filepath.Dir(plugin))
			if err != nil || len(entries) != 1 {
				t.Errorf("in the folder of plugins: %v, %v", entries, err)
			}
			build := mkmini("-c", "letter.hcl")
			if ran, _ := steps(build.events(t)); len(ran) < 4 {
				t.Errorf("ran only %q", ran)
			}
			build.change = withoutProcesses
			if ran, _ := steps(build.events(t)); len(ran) > 0 {
				t.Errorf("ran %q although nothing changed", ran)
			}

			// Somebody changes the plugin: it is not run.
			data, err := os.ReadFile(plugin)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(plugin, append(data, 0), 0o755); err != nil {
				t.Fatal(err)
			}
			got := mkmini("-c", "letter.hcl").run(t)
			if got.code != 2 || strings.Count(got.stderr, "sha256:") != 2 || !strings.Contains(got.stderr, "is not the one that the lock names") {
				t.Errorf("a changed plugin: exit code %d\n%s", got.code, got.stderr)
			}
			// It comes back without a network.
			if got := mkmini("init", "-c", "letter.hcl", "--offline").run(t); got.code != 0 {
				t.Errorf("init --offline: exit code %d\n%s", got.code, got.stderr)
			}
			if got := mkmini("plan", "-c", "letter.hcl").run(t); got.code != 0 {
				t.Errorf("exit code %d\n%s", got.code, got.stderr)
			}
		})
	}
	// A new key, which is trusted as well.
	t.Run("changed key", func(t *testing.T) {
		dir := t.TempDir()
		config := fmt.Sprintf("required_plugins {\n  paper = { source = %q }\n}\ntoolchain \"paper\" {}\nexport \"rootfs\" {}\n", r.url)
		if err := os.WriteFile(filepath.Join(dir, "letter.hcl"), []byte(config), 0o644); err != nil {
			t.Fatal(err)
		}
		settings := filepath.Join(dir, "settings.hcl")
		trust := func(keys ...string) {
			t.Helper()
			text := "plugins {\n  keys = {\n"
			for i, key := range keys {
				text += fmt.Sprintf("    key%d = %q\n", i, key)
			}
			if err := os.WriteFile(settings, []byte(text+"  }\n}\n"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		env := []string{"MKMINI_STORE=" + filepath.Join(dir, "store"), "MKMINI_CONFIG=" + settings, "SSL_CERT_FILE=" + r.cert}
		first := r.sign(t)
		trust(first)
		if got := (command{args: []string{"init", "-c", "letter.hcl"}, dir: dir, env: env}).run(t); got.code != 0 {
			t.Fatalf("init: exit code %d\n%s", got.code, got.stderr)
		}
		second := r.sign(t)
		trust(first, second)
		got := command{args: []string{"init", "-c", "letter.hcl", "--upgrade"}, dir: dir, env: env}.run(t)
		if got.code != 1 || !strings.Contains(got.stderr, first) || !strings.Contains(got.stderr, second) {
			t.Errorf("a new key: exit code %d\n%s", got.code, got.stderr)
		}
	})
}
