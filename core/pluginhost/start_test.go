package pluginhost_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mkmini/mkmini/core/pluginhost"
)

func TestFailingStarts(t *testing.T) {
	const short = 500 * time.Millisecond
	tests := []struct {
		plugin  string
		timeout time.Duration
		words   []string
	}{
		// These say what they are and then do not serve.
		{"noisy", 0, []string{"printed on standard output", "Hello, I am a plugin!"}},
		{"quits", 0, []string{"ended at its start", "exit status 3", "no licence"}},
		{"sleeps", short, []string{"hangs", "500ms"}},
		// These do not even say what they are.
		{"silent", 0, []string{"is not a plugin of mkmini", "printed nothing"}},
		{"wrong", 0, []string{"is not a plugin of mkmini", "stdout: <html>404</html>"}},
		{"trailer", 0, []string{"is not a plugin of mkmini", "something else after it"}},
		{"sick", 0, []string{"can't describe itself", "exit status 127", "libfoo.so is missing"}},
		{"slow", short, []string{"hangs", "describe did not end within 500ms"}},
		{"future", 0, []string{"versions 2 to 3", "version 1", "mkmini is older", "Install mkmini 0.9.0 or newer"}},
		{"past", 0, []string{"version 0", "version 1", "The plugin is older"}},
		{"other", 0, []string{"describes itself wrongly", `"somebody"`}},
		{"liar", 0, []string{"describes itself wrongly", `"../etc"`, "elf.bits is 16", `"list(strin"`, "there twice", `attribute "from"`}},
	}
	for _, test := range tests {
		t.Run(test.plugin, func(t *testing.T) {
			host := newHost(t, pluginhost.Options{StartTimeout: test.timeout}, test.plugin)
			_, err := host.Toolchain(t.Context(), test.plugin)
			wantFault(t, err, append(test.words, `Plugin "`+test.plugin+`"`)...)
		})
	}
}

// Odd log lines must not end mkmini, as go-plugin's own reader would.
func TestOddLogLines(t *testing.T) {
	host := newHost(t, pluginhost.Options{}, "chatty")
	if _, err := startToolchain(t, host, "chatty").Describe(t.Context()); err != nil {
		t.Error(describeError(err))
	}
}

// Neither a caller that gives up nor Close waits for a plugin that hangs.
func TestCancelDuringStart(t *testing.T) {
	host := newHost(t, pluginhost.Options{StartTimeout: time.Hour}, "sleeps")
	if _, err := host.Find(t.Context(), "sleeps"); err != nil {
		t.Fatal(describeError(err))
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(100*time.Millisecond, cancel)
	if _, err := host.Toolchain(ctx, "sleeps"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if err := host.Close(); err != nil {
		t.Error(err)
	}
}

func TestCancelDuringDescribe(t *testing.T) {
	host := newHost(t, pluginhost.Options{StartTimeout: time.Hour}, "slow")
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(100*time.Millisecond, cancel)
	if _, err := host.Find(ctx, "slow"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestChangedSinceFound(t *testing.T) {
	dir := t.TempDir()
	install(t, dir)
	path := filepath.Join(dir, pluginhost.Prefix+"good")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	copyFile(t, self, path)
	host := newHost(t, pluginhost.Options{Dirs: []string{dir}})
	found, err := host.Find(t.Context(), "good")
	if err != nil {
		t.Fatal(describeError(err))
	}
	file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteString("more"); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = host.Toolchain(t.Context(), "good")
	wantFault(t, err, `Plugin "good" has changed`, path, found.Digest, "and has sha256:")
}

func TestFilesThatCantRun(t *testing.T) {
	tests := []struct {
		name    string
		content string
		mode    os.FileMode
		words   []string
	}{
		{"no permission", "#!/bin/sh\n", 0o644, []string{"is not executable", "chmod +x"}},
		{"no format", "hello", 0o755, []string{"can't be started", "neither an executable nor a script"}},
		{"no interpreter", "#!/no/such/shell\n", 0o755, []string{"can't be started", "needs /no/such/shell"}},
		{"other machine", foreignELF(), 0o755, []string{"can't be started", "alpha"}},
		{"writable by others", "#!/bin/sh\n", 0o757, []string{"could be replaced", "chmod go-w"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := install(t, t.TempDir())
			path := filepath.Join(dir, pluginhost.Prefix+"odd")
			if err := os.WriteFile(path, []byte(test.content), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(path, test.mode); err != nil {
				t.Fatal(err)
			}
			_, err := newHost(t, pluginhost.Options{Dirs: []string{dir}}).Find(t.Context(), "odd")
			wantFault(t, err, append(test.words, path)...)
		})
	}
}

// foreignELF returns the head of an executable for Alpha, which no emulator
// package registers before it is complete.
func foreignELF() string {
	b := make([]byte, 64)
	copy(b, "\x7fELF\x02\x01\x01")
	b[16], b[18], b[19], b[20] = 2, 0x26, 0x90, 1
	b[52] = 64
	return string(b)
}

// A plugin may be a script: the contract is the protocol, not the language.
func TestScript(t *testing.T) {
	dir := install(t, t.TempDir(), "real")
	script := "#!/bin/sh\nexec " + filepath.Join(dir, pluginhost.Prefix+"real") + " \"$@\"\n"
	path := filepath.Join(dir, pluginhost.Prefix+"script")
	if err := os.WriteFile(path, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	_, err := newHost(t, pluginhost.Options{Dirs: []string{dir}}).Find(t.Context(), "script")
	// The program behind it goes by its own name.
	wantFault(t, err, "describes itself wrongly", `"real"`)
	if strings.Contains(err.Error(), "can't be started") {
		t.Error(err)
	}
}
