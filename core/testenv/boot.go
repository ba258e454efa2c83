package testenv

import (
	"bytes"
	"fmt"
	"io"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/mkmini/mkmini/plugins/sdk"
)

// patience is how long a guest may take to say what is expected. Software
// emulation on a loaded machine is slow.
const patience = 3 * time.Minute

// Console is the serial console of a guest in QEMU.
type Console struct {
	t  testing.TB
	in io.Writer

	mu      sync.Mutex
	text    bytes.Buffer
	changed chan struct{}
}

// Boot starts a kernel with an initramfs under software emulation, as kvm may
// be there and yet hang, and waits for a root shell's prompt. The guest ends
// with the test.
func Boot(t testing.TB, info sdk.Boot, debianPackage, kernel, initrd string) *Console {
	t.Helper()
	args := append([]string{}, info.Args...)
	args = append(args, "-accel", "tcg", "-m", strconv.Itoa(max(info.MemoryMiB, 256)),
		"-display", "none", "-monitor", "none", "-serial", "stdio", "-no-reboot", "-nic", "none",
		"-kernel", kernel, "-append", "console="+info.Console+" panic=1 quiet", "-initrd", initrd)
	return open(t, exec.Command(Tool(t, info.System, debianPackage), args...))
}

// BootBy runs a command for the shell that boots a guest on its terminal, and
// waits as Boot does. QEMU, which is in that Debian package, must be what the
// shell starts last.
func BootBy(t testing.TB, info sdk.Boot, debianPackage, command string) *Console {
	t.Helper()
	Tool(t, info.System, debianPackage)
	c := open(t, exec.Command("sh", "-c", "exec "+command))
	// What the kernel says must not be in between what the shell says.
	c.Run("dmesg -n 1")
	return c
}

// open starts a guest, and waits for its shell's prompt.
func open(t testing.TB, cmd *exec.Cmd) *Console {
	t.Helper()
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	c := &Console{t: t, in: in, changed: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = c, c
	stop := start(t, cmd)
	t.Cleanup(func() { stop(syscall.SIGTERM, 5*time.Second) })
	// What is typed before the shell reads is lost.
	c.Expect(regexp.MustCompile(`[\w~/] # `))
	return c
}

// Write takes what the guest prints.
func (c *Console) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.changed)
	c.changed = make(chan struct{})
	return c.text.Write(p)
}

// Expect waits until the guest has printed something that matches, takes it
// and all before it off the console, and returns the submatches.
func (c *Console) Expect(re *regexp.Regexp) []string {
	c.t.Helper()
	deadline := time.After(patience)
	for {
		match, changed := c.take(re)
		if match != nil {
			return match
		}
		select {
		case <-changed:
		case <-deadline:
			c.t.Fatalf("the guest did not print %q; it printed:\n%s", re, c.printed())
		case <-c.t.Context().Done():
			c.t.Fatal(c.t.Context().Err())
		}
	}
}

// printed returns the end of what is on the console.
func (c *Console) printed() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	text := c.text.Bytes()
	return string(text[max(0, len(text)-4096):])
}

// take returns the submatches of what is on the console, or nil and a channel
// that is closed when there is more.
func (c *Console) take(re *regexp.Regexp) ([]string, <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	at := re.FindSubmatchIndex(c.text.Bytes())
	if at == nil {
		return nil, c.changed
	}
	var match []string
	for i := 0; i < len(at); i += 2 {
		match = append(match, string(c.text.Bytes()[at[i]:at[i+1]]))
	}
	c.text.Next(at[1])
	return match, nil
}

var answer = regexp.MustCompile(`(?s)BEGIN\r?\n(.*?)END:(\d+)\r?\n`)

// Run runs a command in the guest's shell, and returns what it printed and
// its exit status. The shell must be at its prompt.
func (c *Console) Run(command string) (string, int) {
	c.t.Helper()
	// The console echoes what is typed: the marks must not appear in it.
	if _, err := fmt.Fprintf(c.in, "echo BE''GIN; %s; echo EN''D:$?\n", command); err != nil {
		c.t.Fatal(err)
	}
	match := c.Expect(answer)
	status, err := strconv.Atoi(match[2])
	if err != nil {
		c.t.Fatal(err)
	}
	return strings.ReplaceAll(match[1], "\r", ""), status
}
