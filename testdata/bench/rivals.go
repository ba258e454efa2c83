package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// rival is a tool of somebody else that does the same. Its script is run in an
// empty folder.
type rival struct{ name, script string }

// contests are the formats, with the tools that write them too.
var contests = []struct {
	format string
	rivals []rival
}{
	{"tar", []rival{{"GNU tar", `tar -cf out -C "$TREE" .`}}},
	{"tar.gz", []rival{{"GNU tar, gzip", `tar -czf out -C "$TREE" .`}}},
	{"tar.zst", []rival{{"GNU tar, zstd -19 -T0", `tar -cf - -C "$TREE" . | zstd -q -T0 -19 -o out`}}},
	{"tar.xz", []rival{{"GNU tar, xz -T0", `tar -cf - -C "$TREE" . | xz -T0 > out`}}},
	{"cpio", []rival{{"GNU cpio", `cd "$TREE"; find . | cpio -o -H newc --quiet > "$OLDPWD/out"`}}},
	{"zip", []rival{{"Info-ZIP", `o=$PWD; cd "$TREE"; zip -qry "$o/out.zip" .`}}},
	{"squashfs", []rival{{"mksquashfs", `mksquashfs "$TREE" out -quiet -no-progress -processors "$JOBS"`}}},
	{"erofs", []rival{{"mkfs.erofs", `mkfs.erofs --quiet out "$TREE"`}}},
	{"ext4", []rival{{"mke2fs -d", `mke2fs -q -t ext4 -N $((ENTRIES + 4000)) -d "$TREE" out $((SIZE / 1024 * 13 / 10 + 65536))`}}},
	{"disk", nil},
	{"qcow2", nil},
	{"dir", []rival{{"cp -a", `cp -a "$TREE" out`}}},
	{"docker", []rival{{"docker build, save", `
printf 'FROM scratch\nCOPY . /\n' > Dockerfile
docker build -q -t scale -f Dockerfile "$TREE"
docker save -o out scale
docker rmi -f scale`}}},
	{"oci", []rival{
		{"umoci", `
umoci init --layout l; umoci new --image l:t; umoci insert --image l:t "$TREE" /`},
		{"skopeo, of umoci's", `
umoci init --layout l; umoci new --image l:t; umoci insert --image l:t "$TREE" /
skopeo --insecure-policy copy -q oci:l:t docker-archive:out:t`},
	}},
}

// middle returns the median of what is measured.
func middle(list []sample, of func(sample) float64) float64 {
	sorted := slices.SortedFunc(slices.Values(list), func(a, b sample) int { return cmp.Compare(of(a), of(b)) })
	half := len(sorted) / 2
	if len(sorted)%2 == 0 {
		return (of(sorted[half]) + of(sorted[half-1])) / 2
	}
	return of(sorted[half])
}

// engine is a docker engine without a network.
type engine struct {
	host string
	cmd  *exec.Cmd
	log  *os.File
}

// startEngine starts an engine. Without one, docker's rows say that it failed.
func startEngine(ctx context.Context, dir string) *engine {
	e := &engine{host: "unix://" + filepath.Join(dir, "docker.sock")}
	e.log, _ = os.Create(filepath.Join(dir, "docker.log"))
	e.cmd = exec.CommandContext(ctx, "dockerd", "--iptables=false", "--bridge=none", "--host", e.host,
		"--data-root", filepath.Join(dir, "docker"), "--exec-root", filepath.Join(dir, "docker-exec"), "--pidfile", filepath.Join(dir, "docker.pid"))
	e.cmd.Stdout, e.cmd.Stderr = e.log, e.log
	// A killed engine leaves its mounts behind.
	e.cmd.Cancel = func() error { return e.cmd.Process.Signal(syscall.SIGTERM) }
	if err := e.cmd.Start(); err != nil {
		fmt.Fprintln(os.Stderr, "no docker engine:", err)
		e.cmd = nil
		return e
	}
	for range 300 {
		if exec.CommandContext(ctx, "docker", "--host", e.host, "version").Run() == nil {
			return e
		}
		time.Sleep(100 * time.Millisecond)
	}
	fmt.Fprintln(os.Stderr, "the docker engine doesn't start; see", e.log.Name())
	return e
}

// reset begins to measure memory anew, and says whether there is an engine.
func (e *engine) reset() bool {
	return e.cmd != nil && os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", e.cmd.Process.Pid), []byte("5"), 0) == nil
}

// memory returns the most that the engine had resident, in bytes.
func (e *engine) memory() int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", e.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	var kilobytes int64
	_, line, _ := strings.Cut(string(text), "VmHWM:")
	fmt.Sscan(line, &kilobytes)
	return kilobytes << 10
}

func (e *engine) stop() {
	if e.cmd == nil {
		return
	}
	_ = e.cmd.Process.Signal(syscall.SIGTERM)
	_ = e.cmd.Wait()
	e.log.Close()
}
