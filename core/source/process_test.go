package source_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/core/source"
)

// roles are what the test binary does as a process of its own.
var roles = map[string]func(ctx context.Context, args []string) error{
	"fetch":     roleFetch,
	"disk-full": roleDiskFull,
}

func TestMain(m *testing.M) {
	role := roles[os.Getenv("SOURCE_TEST_ROLE")]
	if role == nil {
		os.Exit(m.Run())
	}
	if err := role(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func roleCommand(t *testing.T, role string, env []string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, args...)
	cmd.Env = append(os.Environ(), append(env, "SOURCE_TEST_ROLE="+role)...)
	return cmd
}

// roleFetch fetches content from a URL into a folder and prints the path.
func roleFetch(ctx context.Context, args []string) error {
	f := &source.Fetcher{Retry: quick}
	path, err := f.Fetch(ctx, request(args[0]), args[1], nil)
	if err != nil {
		var e *fault.Error
		if errors.As(err, &e) {
			return fmt.Errorf("%w\n%s", err, strings.Join(e.Excerpt, "\n"))
		}
		return err
	}
	fmt.Println(path)
	return nil
}

// TestProxy fetches from a name that only the proxy of the environment knows.
func TestProxy(t *testing.T) {
	var asked string
	proxy, _ := server(t, func(w http.ResponseWriter, r *http.Request, n int) {
		asked = r.URL.String()
		serve(w, r)
	})
	dir := t.TempDir()
	url := "http://mirror.example.test/busybox.tar.bz2"
	cmd := roleCommand(t, "fetch", []string{"http_proxy=" + proxy, "HTTP_PROXY=" + proxy, "no_proxy=", "NO_PROXY="}, url, dir)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	checkFetched(t, dir, strings.TrimSpace(string(out)), nil)
	if asked != url {
		t.Errorf("the proxy was asked for %q, want %q", asked, url)
	}
}

// TestKilled kills a fetching process within the body; the next goes on.
func TestKilled(t *testing.T) {
	sent := make(chan struct{})
	url, _ := server(t, func(w http.ResponseWriter, r *http.Request, n int) {
		if n > 0 {
			if r.Header.Get("Range") == "" {
				t.Error("the next run starts from nothing")
			}
			serve(w, r)
			return
		}
		w.Header().Set("Content-Length", fmt.Sprint(len(content)))
		_, _ = w.Write(content[:200_000])
		_ = http.NewResponseController(w).Flush()
		close(sent)
		<-r.Context().Done()
	})
	dir := t.TempDir()
	cmd := roleCommand(t, "fetch", nil, url, dir)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	<-sent
	part := filepath.Join(dir, sum(content)+".part")
	for {
		if fi, err := os.Stat(part); err == nil && fi.Size() > 0 {
			break
		}
		if t.Context().Err() != nil {
			t.Fatal("nothing arrived")
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if _, err := os.Stat(filepath.Join(dir, sum(content))); err == nil {
		t.Error("half a file has the final name")
	}
	path, err := (&source.Fetcher{Retry: quick}).Fetch(t.Context(), request(url), dir, nil)
	checkFetched(t, dir, path, err)
}

// roleDiskFull mounts a file system of 128 KiB at args[0], which only this
// process sees, fetches args[1] into it, and unpacks args[2] in it.
func roleDiskFull(ctx context.Context, args []string) error {
	if err := syscall.Mount("", "/", "", syscall.MS_PRIVATE|syscall.MS_REC, ""); err != nil {
		return fmt.Errorf("cannot mount: %w", err)
	}
	if err := syscall.Mount("tmpfs", args[0], "tmpfs", 0, "size=128k"); err != nil {
		return fmt.Errorf("cannot mount: %w", err)
	}
	f := &source.Fetcher{Retry: quick}
	_, err := f.Fetch(ctx, request(args[1], args[1]), args[0], nil)
	if err := checkFull(err); err != nil {
		return fmt.Errorf("fetch: %w", err)
	}
	for _, kept := range []string{".part", ".part.tag"} {
		if err := os.Remove(filepath.Join(args[0], sum(content)+kept)); err != nil {
			return fmt.Errorf("nothing to go on with: %w", err)
		}
	}
	req := request()
	req.File = args[3]
	_, err = f.Fetch(ctx, req, args[0], nil)
	if err := checkFull(err); err != nil {
		return fmt.Errorf("file: %w", err)
	}
	err = source.Unpack(ctx, args[2], filepath.Join(args[0], "tree"), source.Limits{})
	if err := checkFull(err); err != nil {
		return fmt.Errorf("unpack: %w", err)
	}
	left, err := os.ReadDir(args[0])
	if err == nil && len(left) > 0 {
		err = fmt.Errorf("left %v", left)
	}
	return err
}

func checkFull(err error) error {
	var e *fault.Error
	if !errors.As(err, &e) || e.Summary != "No space left" || !errors.Is(err, syscall.ENOSPC) || len(e.Excerpt) > 0 {
		return fmt.Errorf("got %w, want that no space is left", err)
	}
	return nil
}

func TestDiskFull(t *testing.T) {
	url, requests := server(t, func(w http.ResponseWriter, r *http.Request, n int) { serve(w, r) })
	tmp := t.TempDir()
	tarball, file := filepath.Join(tmp, "a.tar"), filepath.Join(tmp, "file")
	write(t, tarball, tarOf(t, entry{name: "a/small", body: "small"}, entry{name: "a/large", body: string(content)}))
	write(t, file, content)
	mount := filepath.Join(tmp, "small")
	if err := os.Mkdir(mount, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := roleCommand(t, "disk-full", nil, mount, url, tarball, file)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	if os.Geteuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	out, err := cmd.CombinedOutput()
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EACCES) || strings.Contains(string(out), "cannot mount") {
		t.Skipf("this system lets a test have no small file system of its own: %v %s", err, out)
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if n := requests.Load(); n != 1 {
		t.Errorf("%d requests, want 1: a full disk is not the server's fault", n)
	}
}
