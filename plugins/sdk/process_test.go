package sdk_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mkmini/mkmini/plugins/sdk"
)

// tree is a shell script that starts two generations of children, writes all
// process ids to the file $1 and says "ready"; $2 is what each does with TERM.
const tree = `
trap "$2" TERM
sh -c 'trap "$2" TERM
	sh -c "trap \"\$2\" TERM; echo \$\$ >>\$1; while :; do sleep 0.05; done" sh "$1" "$2" &
	echo $$ >>"$1"; while :; do sleep 0.05; done' sh "$1" "$2" &
echo $$ >>"$1"
while [ "$(wc -l <"$1")" -lt 3 ]; do sleep 0.01; done
touch "$1.ready"
`

func TestCancelEndsTheWholeTree(t *testing.T) {
	tests := []struct {
		name string
		trap string // what TERM does in every process of the tree
	}{
		{"that obeys TERM", "exit 1"},
		{"that ignores TERM", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "pids")
			writeFile(t, file, "")
			ctx, cancel := context.WithCancel(t.Context())
			go func() {
				waitFor(t, file+".ready")
				cancel()
			}()
			cmd := sdk.Command(ctx, "sh", "-c", tree+"while :; do sleep 0.05; done", "sh", file, test.trap)
			var out bytes.Buffer
			cmd.Stdout = &out // a pipe that the children hold open too
			if err := sdk.Run(cmd); err == nil {
				t.Error("Run of a cancelled command returned nil")
			}
			wantGone(t, file)
		})
	}
}

func TestRunEndsWhatTheCommandLeftBehind(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pids")
	writeFile(t, file, "")
	cmd := sdk.Command(t.Context(), "sh", "-c", tree+"exit 3", "sh", file, "")
	err := sdk.Run(cmd)
	if cmd.ProcessState.ExitCode() != 3 {
		t.Errorf("Run = %v, want exit status 3", err)
	}
	wantGone(t, file)
}

func TestRunReportsWhatCannotStart(t *testing.T) {
	err := sdk.Run(sdk.Command(t.Context(), filepath.Join(t.TempDir(), "absent")))
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Run = %v, want an error that is os.ErrNotExist", err)
	}
}

func TestRunOfACancelledContextStartsNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	file := filepath.Join(t.TempDir(), "started")
	if err := sdk.Run(sdk.Command(ctx, "touch", file)); !errors.Is(err, context.Canceled) {
		t.Errorf("Run = %v, want %v", err, context.Canceled)
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("the command ran")
	}
}

// wantGone fails unless every process listed in a file has ended.
func wantGone(t *testing.T, file string) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pids := strings.Fields(string(data))
	if len(pids) != 3 {
		t.Fatalf("the tree wrote %d process ids, want 3", len(pids))
	}
	for _, text := range pids {
		pid, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		if alive(pid) {
			t.Errorf("process %d is still alive", pid)
		}
	}
}

// alive waits a moment for a process to be reaped by whoever adopted it: a
// zombie has ended.
func alive(pid int) bool {
	for range 100 {
		if syscall.Kill(pid, 0) == syscall.ESRCH {
			return false
		}
		stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		if err != nil || strings.Contains(string(stat), ") Z ") {
			return false
		}
		time.Sleep(10 * time.Millisecond)
	}
	return true
}

func waitFor(t *testing.T, file string) {
	for {
		if _, err := os.Stat(file); err == nil || t.Context().Err() != nil {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func writeFile(t *testing.T, name, content string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}
