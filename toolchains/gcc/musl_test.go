package gcc

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mkmini/mkmini/plugins/sdk"
)

// smallMusl writes a source that is built as musl is: with a configure script
// that takes its options, and a makefile that prints its commands. code is
// one of two files to compile.
func smallMusl(t *testing.T, code string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{
		"configure": `src=$(dirname "$0")
for arg; do case $arg in CC=*|CFLAGS=*|AR=*) echo "${arg%%=*} = ${arg#*=}" ;; esac; done >config.mak
echo "src = $src" >>config.mak
cp "$src/Makefile" .
case "$*" in *--broken*) echo "error: this compiler is odd"; exit 1 ;; esac
`,
		"Makefile": `include config.mak
all: lib/libc.a
obj/%.o: $(src)/%.c
	@mkdir -p obj
	$(CC) $(CFLAGS) -c -o $@ $<
lib/libc.a: obj/start.o obj/code.o
	@mkdir -p lib
	$(AR) rc $@ $^
install-headers install-libs: lib/libc.a
	@mkdir -p $(DESTDIR)/lib $(DESTDIR)/include
	cp lib/libc.a $(DESTDIR)/lib/
`,
		"start.c": "int start;\n",
		"code.c":  code,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "configure"), []byte("#!/bin/sh\n"+read(t, filepath.Join(dir, "configure"))), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func read(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// buildSmall builds a small musl, and returns the diagnostic it fails with.
func buildSmall(t *testing.T, source, attributes string) (sdk.Diagnostic, []sdk.Report) {
	t.Helper()
	info, cc := native(t)
	info.Musl = info.Arch
	var reports []sdk.Report
	_, err := New(info).BuildLibc(t.Context(), sdk.LibcRequest{
		Compiler: sdk.Compiler{CC: cc, Prefix: strings.TrimSuffix(cc, "gcc")}, Attributes: []byte(attributes),
		Name: "musl", Version: "1.2.3", SourceDir: source, WorkDir: t.TempDir(), OutDir: t.TempDir(), Jobs: 1,
	}, func(r sdk.Report) { reports = append(reports, r) })
	var problems sdk.Diagnostics
	if !errors.As(err, &problems) || len(problems) == 0 {
		t.Fatalf("got %v, want diagnostics", err)
	}
	return problems[0], reports
}

func TestMuslDoesNotCompile(t *testing.T) {
	problem, reports := buildSmall(t, smallMusl(t, "int fine;\nint bad = nothing;\n"), `{}`)
	if problem.Summary != "Musl does not compile" || !strings.Contains(problem.Detail, "obj/code.o failed: ‘nothing’ undeclared") &&
		!strings.Contains(problem.Detail, "obj/code.o failed: 'nothing' undeclared") {
		t.Errorf("the problem is %+v", problem)
	}
	shown := strings.Join(problem.Excerpt, "\n")
	if !strings.Contains(shown, "code.c:2:11: error:") || !strings.Contains(shown, " -c -o obj/code.o ") {
		t.Errorf("the excerpt has not both the error and the command:\n%s", shown)
	}
	if log := read(t, problem.Log); !strings.Contains(log, "-c -o obj/start.o") || !strings.Contains(log, "nothing") {
		t.Errorf("the log has:\n%s", log)
	}
	last := reports[len(reports)-1]
	if last.Phase != "compile" || last.Total != 2 || last.Message != "obj/code.o" {
		t.Errorf("the last report is %+v", last)
	}
}

func TestMuslCanNotBeConfigured(t *testing.T) {
	problem, _ := buildSmall(t, smallMusl(t, "int fine;\n"), `{"cflags": ["--broken"]}`)
	if problem.Summary != "Musl can't be configured" || !strings.Contains(strings.Join(problem.Excerpt, "\n"), "this compiler is odd") {
		t.Errorf("the problem is %+v", problem)
	}
}

// TestMuslIsTriedOut builds a library that no program can be linked with.
func TestMuslIsTriedOut(t *testing.T) {
	problem, _ := buildSmall(t, smallMusl(t, "int fine;\n"), `{}`)
	if problem.Summary == "" || strings.HasPrefix(problem.Summary, "Musl") {
		t.Errorf("the problem is %+v", problem)
	}
}

func TestMuslOfAnUnknownArchitecture(t *testing.T) {
	_, err := New(sdk.ToolchainInfo{Arch: "alpha"}).BuildLibc(t.Context(), sdk.LibcRequest{Name: "musl"}, nil)
	var problems sdk.Diagnostics
	if !errors.As(err, &problems) || problems[0].Path[1] != "libc" {
		t.Errorf("got %v", err)
	}
}

func TestCopyTreeFollowsLinks(t *testing.T) {
	from, to := t.TempDir(), filepath.Join(t.TempDir(), "a", "b")
	if err := os.MkdirAll(filepath.Join(from, "deep"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{"deep/one.h": "1", "two.h": "2"} {
		if err := os.WriteFile(filepath.Join(from, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, target := range map[string]string{"three.h": "two.h", "alias": "deep", "lost.h": "gone.h"} {
		if err := os.Symlink(target, filepath.Join(from, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := copyTree(from, to); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"deep/one.h": "1", "two.h": "2", "three.h": "2", "alias/one.h": "1"} {
		info, err := os.Lstat(filepath.Join(to, name))
		if err != nil || !info.Mode().IsRegular() || read(t, filepath.Join(to, name)) != want {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	if _, err := os.Lstat(filepath.Join(to, "lost.h")); err == nil {
		t.Error("a link that leads nowhere was copied")
	}
}
