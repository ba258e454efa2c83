package gcc

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mkmini/mkmini/plugins/sdk"
)

func TestWatcherCounts(t *testing.T) {
	var reports []sdk.Report
	w := &watcher{jobs: 2, progress: func(r sdk.Report) { reports = append(reports, r) }}
	for _, line := range []string{
		"mkmini total 4", "  HOSTCC  scripts/basic/fixdep", "  CC      applets/applets.o", "/src/a.c:1:2: warning: CC x.o",
		"  CC      libbb/a.o", "  AS      libbb/b.o", "  LD      libbb/built-in.o", "  CC      libbb/c.o",
	} {
		w.line(line)
	}
	w.finish()
	want := []sdk.Report{
		{Phase: "compile", Total: 4},
		{Phase: "compile", Total: 4, Message: "applets/applets.o"},
		{Phase: "compile", Total: 4, Message: "libbb/a.o"},
		{Phase: "compile", Done: 1, Total: 4, Message: "libbb/b.o"},
		{Phase: "compile", Done: 2, Total: 4, Message: "libbb/c.o"},
		{Phase: "compile", Done: 4, Total: 4},
	}
	if diff := cmp.Diff(want, reports); diff != "" {
		t.Error(diff)
	}
}

func TestWatcherNotesTheFirstRuleThatFailed(t *testing.T) {
	w := &watcher{progress: func(sdk.Report) {}}
	for _, line := range []string{
		"make[1]: *** [/src/scripts/Makefile.build:197: shell/ash.o] Error 1",
		"make[1]: *** [scripts/Makefile.build:197: shell/hush.o] Error 1",
		"make: *** [/src/Makefile:744: shell] Error 2",
	} {
		w.line(line)
	}
	if w.failed != "shell/ash.o" {
		t.Errorf("failed = %q", w.failed)
	}
}

func TestExplain(t *testing.T) {
	output := strings.Split(`  gcc -Wp,-MD,coreutils/.cat.o.d  -Os    -c -o coreutils/cat.o /src/coreutils/cat.c; scripts/basic/fixdep x
/src/coreutils/cat.c: In function 'cat_main':
/src/coreutils/cat.c:50:2: warning: something else
/src/coreutils/cat.c:51:2: error: 'broken' undeclared (first use in this function)
   51 |  broken();
      |  ^~~~~~
/src/coreutils/cat.c:52:2: error: second
make: *** [x: coreutils/cat.o] Error 1`, "\n")
	command, found, message := explain(output, "coreutils/cat.o")
	if want := "gcc -Wp,-MD,coreutils/.cat.o.d  -Os    -c -o coreutils/cat.o /src/coreutils/cat.c"; command != want {
		t.Errorf("command = %q", command)
	}
	if want := "'broken' undeclared (first use in this function)"; message != want {
		t.Errorf("message = %q, want %q", message, want)
	}
	want := []string{"/src/coreutils/cat.c:51:2: error: 'broken' undeclared (first use in this function)", "   51 |  broken();", "      |  ^~~~~~"}
	if diff := cmp.Diff(want, found); diff != "" {
		t.Error(diff)
	}
}

func FuzzWatcher(f *testing.F) {
	f.Add("mkmini total 9999999999999999999\n  CC      a.o\nmake: *** [a: b.o] Error 1\na.c:1:1: fatal error: x")
	f.Fuzz(func(t *testing.T, text string) {
		last := sdk.Report{}
		w := &watcher{jobs: 3, progress: func(r sdk.Report) {
			if r.Done < last.Done && r.Total != 0 || r.Done > r.Total {
				t.Errorf("report %+v after %+v", r, last)
			}
			last = r
		}}
		lines := strings.Split(text, "\n")
		for _, line := range lines {
			w.line(line)
		}
		explain(lines, "b.o")
	})
}

func TestParseLinkVars(t *testing.T) {
	got := parseLinkVars("CC=gcc\nCFLAGS= -Os  -static\nLDFLAGS=\nOBJECTS=applets/built-in.o\nARCHIVES=a/lib.a b/lib.a\nLDLIBS=m crypt\nEXTRA_LDLIBS=\"tirpc\"\n")
	want := linkVars{cc: "gcc", cflags: []string{"-Os", "-static"}, ldflags: []string{}, objects: []string{"applets/built-in.o"},
		archives: []string{"a/lib.a", "b/lib.a"}, libs: []string{"m", "crypt"}, extra: []string{"tirpc"}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(linkVars{})); diff != "" {
		t.Error(diff)
	}
}

func TestVersions(t *testing.T) {
	for text, want := range map[string]version{"1.36.1": {1, 36, 1}, "2.36": {2, 36, 0}, "1.37.0-rc1": {1, 37, 0}, "": {}, "git": {}} {
		if got := parseVersion(text); got != want {
			t.Errorf("parseVersion(%q) = %v, want %v", text, got, want)
		}
	}
	if !(version{1, 9, 0}).before(version{1, 10, 0}) || (version{2, 0, 0}).before(version{1, 9, 9}) || (version{1, 1, 1}).before(version{1, 1, 1}) {
		t.Error("versions are in the wrong order")
	}
}
