package store_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/core/store"
)

func open(t *testing.T, dir string) *store.Store {
	t.Helper()
	s, err := store.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// names lists a folder of the store.
func names(t *testing.T, s *store.Store, sub string) []string {
	t.Helper()
	entries, err := os.ReadDir(s.Sub(sub))
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

func fillHello(_ context.Context, dir string) (any, error) {
	return map[string]int{"answer": 42}, os.WriteFile(filepath.Join(dir, "hello"), []byte("hello"), 0o644)
}

func TestMakeOnce(t *testing.T) {
	s := open(t, t.TempDir())
	for i, want := range []bool{true, false} {
		made, err := s.Make(t.Context(), "k-1", nil, fillHello)
		if err != nil || made != want {
			t.Fatalf("Make #%d = %v, %v, want %v", i, made, err, want)
		}
	}
	var got map[string]int
	if err := s.Load("k-1", &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]int{"answer": 42}, got); diff != "" {
		t.Errorf("result (-want +got):\n%s", diff)
	}
	if data, err := os.ReadFile(filepath.Join(s.Path("k-1"), "hello")); string(data) != "hello" {
		t.Errorf("file: %q, %v", data, err)
	}
	if left := names(t, s, "tmp"); len(left) > 0 {
		t.Errorf("left in tmp: %v", left)
	}
}

func TestMakeFailureLeavesNothing(t *testing.T) {
	s := open(t, t.TempDir())
	boom := errors.New("boom")
	_, err := s.Make(t.Context(), "k-1", nil, func(_ context.Context, dir string) (any, error) {
		if err := os.MkdirAll(filepath.Join(dir, "deep"), 0o755); err != nil {
			return nil, err
		}
		// A folder without write permission is removed as well.
		return nil, errors.Join(boom, os.WriteFile(filepath.Join(dir, "deep", "f"), nil, 0o444), os.Chmod(filepath.Join(dir, "deep"), 0o555))
	})
	if !errors.Is(err, boom) || s.Has("k-1") {
		t.Fatalf("err %v, has %v", err, s.Has("k-1"))
	}
	if left := append(names(t, s, "tmp"), names(t, s, "steps")...); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

func TestMakeReplacesDamaged(t *testing.T) {
	s := open(t, t.TempDir())
	if err := os.MkdirAll(filepath.Join(s.Path("k-1"), "half"), 0o755); err != nil {
		t.Fatal(err)
	}
	made, err := s.Make(t.Context(), "k-1", nil, fillHello)
	if err != nil || !made {
		t.Fatalf("Make = %v, %v", made, err)
	}
	if _, err := os.Stat(filepath.Join(s.Path("k-1"), "half")); err == nil {
		t.Error("the damaged result is still there")
	}
}

func TestMakeSharesWork(t *testing.T) {
	dir := t.TempDir()
	var fills, waits atomic.Int32
	var wg sync.WaitGroup
	for range 5 {
		wg.Go(func() {
			_, err := open(t, dir).Make(t.Context(), "k-1", func() { waits.Add(1) }, func(ctx context.Context, dir string) (any, error) {
				fills.Add(1)
				time.Sleep(500 * time.Millisecond)
				return fillHello(ctx, dir)
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if fills.Load() != 1 {
		t.Errorf("filled %d times", fills.Load())
	}
	if waits.Load() != 4 {
		t.Errorf("%d of 4 were told that they wait", waits.Load())
	}
}

func TestLockCancel(t *testing.T) {
	s := open(t, t.TempDir())
	unlock, err := s.Lock(t.Context(), "a", nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	_, err = s.Lock(ctx, "a", cancel) // cancelled once it is known to wait
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("err = %v", err)
	}
	unlock()
	// The one that gave up must not keep it.
	again, err := s.Lock(t.Context(), "a", nil)
	if err != nil {
		t.Fatal(err)
	}
	again()
}

// TestKilled kills a process in the middle of a fill: the next Make sweeps
// what it left, and makes the result.
func TestKilled(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "b[1] *")
	cmd := exec.Command(os.Args[0], "-test.run=^TestHang$")
	cmd.Env = append(os.Environ(), "MKMINI_TEST_HANG="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 64)
	n, _ := out.Read(buf)
	if !strings.Contains(string(buf[:n]), "filling") {
		t.Fatalf("the other process said %q", buf[:n])
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	err = cmd.Wait()
	if s, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || !s.Signaled() {
		t.Fatalf("the other process was not killed: %v", err)
	}
	s := open(t, dir)
	if left := names(t, s, "tmp"); len(left) != 1 {
		t.Fatalf("a killed process left %v in tmp, want one folder", left)
	}
	made, err := s.Make(t.Context(), "k-1", nil, fillHello)
	if err != nil || !made {
		t.Fatalf("Make = %v, %v", made, err)
	}
	if left := names(t, s, "tmp"); len(left) > 0 {
		t.Errorf("left in tmp: %v", left)
	}
}

// TestHang is the other process of TestKilled.
func TestHang(t *testing.T) {
	dir := os.Getenv("MKMINI_TEST_HANG")
	if dir == "" {
		t.Skip("runs only as a child of TestKilled")
	}
	_, err := open(t, dir).Make(t.Context(), "k-1", nil, func(_ context.Context, dir string) (any, error) {
		if err := os.WriteFile(filepath.Join(dir, "half"), []byte("x"), 0o644); err != nil {
			return nil, err
		}
		fmt.Println("filling")
		time.Sleep(time.Minute)
		return nil, nil
	})
	t.Error(err)
}

func TestWriteFileKeepsOldOnError(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	if err := store.WriteFile(path, []byte("old")); err != nil {
		t.Fatal(err)
	}
	if err := store.WriteJSON(path, func() {}); err == nil {
		t.Error("a function was encoded")
	}
	if data, _ := os.ReadFile(path); string(data) != "old" {
		t.Errorf("file = %q", data)
	}
}

func TestLoadDamaged(t *testing.T) {
	s := open(t, t.TempDir())
	if err := s.Load("k-1", new(int)); err == nil {
		t.Error("loaded what is not there")
	}
	if err := os.MkdirAll(s.Path("k-1"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.Path("k-1"), "result.json"), []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := s.Load("k-1", new(int)); err == nil {
		t.Error("loaded half a result")
	}
}

func TestDefaultDir(t *testing.T) {
	for _, test := range []struct{ cache, home, want string }{
		{"/cache", "/home", "/cache/mkmini"},
		{"", "/home", "/home/.cache/mkmini"},
		{"rel/cache", "/home", "/home/.cache/mkmini"},
		{"rel/cache", "", ""},
		{"", "rel", ""},
	} {
		t.Setenv("XDG_CACHE_HOME", test.cache)
		t.Setenv("HOME", test.home)
		got, err := store.DefaultDir()
		if got != test.want {
			t.Errorf("XDG_CACHE_HOME=%s HOME=%s: %q, want %q", test.cache, test.home, got, test.want)
		}
		if f := (*fault.Error)(nil); test.want == "" && (!errors.As(err, &f) || f.Remedy == "") {
			t.Errorf("XDG_CACHE_HOME=%s HOME=%s: err = %v", test.cache, test.home, err)
		}
	}
}
