package crossgcc

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/core/source"
	"github.com/mkmini/mkmini/core/store"
	"github.com/mkmini/mkmini/core/toolchain/unpacked"
	"github.com/mkmini/mkmini/plugins/sdk"
)

var info = sdk.ToolchainInfo{
	Arch: "riscv64", Triplets: []string{"riscv64-linux-gnu", "riscv64-*linux*"}, KernelArch: "riscv", Musl: "riscv64",
	GCCOptions: []string{"--with-arch=rv64gc"},
}

// The sources of a compiler that compiles nothing: scripts that write down
// what they were asked for into the file TRACE.
var fakes = map[string]map[string]string{
	"binutils": {
		"configure": fakeConfigure, "ld/ldgram.c": "", "ld/ldlex.c": "",
		"Makefile.in": "all:\n\t@echo binutils make >> TRACE\n" +
			"install-strip:\n\tmkdir -p $(DESTDIR)/mkmini/bin $(DESTDIR)/mkmini/share/man\n" +
			"\techo as > $(DESTDIR)/mkmini/bin/riscv64-linux-musl-as\n\tchmod 755 $(DESTDIR)/mkmini/bin/*\n",
	},
	"linux": {
		"Makefile": "headers:\n\t@echo linux headers $(ARCH) >> TRACE\n\tmkdir -p $(O)/usr/include/linux\n" +
			"\techo '#define X' > $(O)/usr/include/linux/version.h\n\techo x > $(O)/usr/include/linux/.install.cmd\n",
	},
	"gcc": {
		"configure": fakeConfigure, "gcc/gengtype-lex.cc": "", "text": "one\n",
		"Makefile.in": "configure-gcc:\n\tmkdir -p gcc\n\techo \"at `pwd`\" > gcc/configargs.h\n" +
			"all-gcc: wait\n\t@echo gcc make `riscv64-linux-musl-as 2>&1 >/dev/null | wc -l` `cat ../src/text` >> TRACE\n" +
			"\tls ../root/riscv64-linux-musl/sysroot/usr/include/linux/version.h ../root/riscv64-linux-musl/sysroot/usr/include/stdio.h\n" +
			"wait:\n\t@if [ -e FAIL ]; then echo 'gcc -c x.cc -o x.o'; echo '../src/gcc/x.cc:3:1: error: no such thing'; echo '    3 | x'; echo more; false; fi\n" +
			"\tif [ -e HANG ]; then sleep 1000 & echo $$! > PID; wait; fi\n" +
			"all-target-libgcc:\n" +
			"install-strip-gcc:\n\tmkdir -p $(DESTDIR)/mkmini/bin $(DESTDIR)/mkmini/lib/gcc/x/12/install-tools\n" +
			"\t(echo '#!/bin/sh'; cat gcc/configargs.h) > $(DESTDIR)/mkmini/bin/riscv64-linux-musl-gcc\n\tchmod 755 $(DESTDIR)/mkmini/bin/*\n" +
			"install-strip-target-libgcc: install-strip-gcc\n\ttouch $(DESTDIR)/mkmini/lib/gcc/x/12/libgcc.a\n",
	},
	"musl": {
		"configure": fakeConfigure,
		"Makefile": "install-headers:\n\t@echo musl headers $(ARCH) >> TRACE\n\tmkdir -p $(DESTDIR)$(prefix)/include\n" +
			"\ttouch $(DESTDIR)$(prefix)/include/stdio.h\n",
		"Makefile.in": "all:\n\t@echo musl make >> TRACE\n\ttest -x ../root/bin/riscv64-linux-musl-gcc\n" +
			"install-libs:\n\tmkdir -p $(DESTDIR)/mkmini/riscv64-linux-musl/sysroot/usr/lib $(DESTDIR)/mkmini/riscv64-linux-musl/sysroot/lib\n" +
			"\ttouch $(DESTDIR)/mkmini/riscv64-linux-musl/sysroot/usr/lib/libc.so\n" +
			"\tln -s /mkmini/x $(DESTDIR)/mkmini/riscv64-linux-musl/sysroot/lib/ld-musl-riscv64.so.1\n",
	},
}

const fakeConfigure = "#!/bin/sh\necho \"NAME configure\" >> TRACE\necho \"$@\" > ARGS.NAME\ncp \"${0%/*}/Makefile.in\" Makefile\n"

// bench is what a test builds with.
type bench struct {
	*Provider
	dir  string
	from config.From
	host Host
	seen []string
}

func newBench(t *testing.T) *bench {
	t.Helper()
	dir := t.TempDir()
	st, err := store.Open(filepath.Join(dir, "store"))
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{dir: dir, host: Host{Compiler: "gcc 1"}, from: config.From{Kind: "source", Build: &config.Build{}}}
	b.Provider = &Provider{
		Keeper: &unpacked.Keeper{Store: st}, Fetcher: &source.Fetcher{}, Blobs: st.Sub("sources"), Jobs: 2,
		Examine: func(context.Context, string) (Host, error) { return b.host, nil },
	}
	parts := b.from.Build
	for name, part := range map[string]*config.Part{"binutils": &parts.Binutils, "gcc": &parts.GCC, "linux": &parts.Linux, "musl": &parts.Musl} {
		part.File = b.tarball(t, name, fakes[name])
	}
	return b
}

func (b *bench) path(name string) string { return filepath.Join(b.dir, name) }

// tarball writes the source of a part.
func (b *bench) tarball(t *testing.T, part string, files map[string]string) string {
	t.Helper()
	var data bytes.Buffer
	z := gzip.NewWriter(&data)
	w := tar.NewWriter(z)
	fill := strings.NewReplacer("TRACE", b.path("trace"), "ARGS", b.path("args"), "NAME", part,
		"FAIL", b.path("fail"), "HANG", b.path("hang"), "PID", b.path("pid"))
	for _, name := range sorted(files) {
		text := fill.Replace(files[name])
		if err := w.WriteHeader(&tar.Header{Name: part + "-1/" + name, Mode: 0o755, Size: int64(len(text)), Format: tar.FormatUSTAR}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	path := b.path(part + ".tar.gz")
	b.write(t, part+".tar.gz", data.String())
	return path
}

func sorted(files map[string]string) []string {
	var names []string
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (b *bench) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(b.path(name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func (b *bench) provide(t *testing.T) (string, error) {
	t.Helper()
	b.seen = nil
	return b.Provide(t.Context(), info, b.from, func(phase string, _, _ int, what string) { b.seen = append(b.seen, phase+" "+what) })
}

// trace returns what was done since it was last called.
func (b *bench) trace(t *testing.T) []string {
	t.Helper()
	data, err := os.ReadFile(b.path("trace"))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err = errors.Join(err, os.Remove(b.path("trace"))); err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(data)), "\n")
}

// whole is what is done for a compiler.
var whole = []string{
	"binutils configure", "binutils make", "linux headers riscv", "musl headers riscv64",
	"gcc configure", "gcc make 0 one", "musl configure", "musl make",
}

func TestProvide(t *testing.T) {
	b := newBench(t)
	dir, err := b.provide(t)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(whole, b.trace(t)); diff != "" {
		t.Errorf("what was done (-want +got):\n%s", diff)
	}
	want := []string{
		"bin/riscv64-linux-musl-as", "bin/riscv64-linux-musl-gcc", "lib/gcc/x/12/libgcc.a",
		"riscv64-linux-musl/sysroot/lib/ld-musl-riscv64.so.1", "riscv64-linux-musl/sysroot/usr/include/linux/version.h",
		"riscv64-linux-musl/sysroot/usr/include/stdio.h", "riscv64-linux-musl/sysroot/usr/lib/libc.so",
	}
	var got []string
	if err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			got = append(got, strings.TrimPrefix(path, dir+"/"))
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the compiler's files (-want +got):\n%s", diff)
	}
	if link, err := os.Readlink(filepath.Join(dir, want[3])); link != "../usr/lib/libc.so" {
		t.Errorf("the dynamic linker is a link to %q (%v)", link, err)
	}
	driver, err := os.ReadFile(filepath.Join(dir, "bin/riscv64-linux-musl-gcc"))
	if err != nil || !strings.Contains(string(driver), "at ../obj\n") {
		t.Errorf("the driver says %q (%v), which names where it was built", driver, err)
	}
	args, err := os.ReadFile(b.path("args.gcc"))
	if err != nil || !strings.HasSuffix(string(args), " --with-arch=rv64gc\n") || !strings.Contains(string(args), " --target=riscv64-linux-musl ") {
		t.Errorf("gcc was configured with %s (%v)", args, err)
	}
	pins := b.Pins(b.from, dir)
	if !strings.HasPrefix(pins["gcc"], "gcc.tar.gz sha256:") || pins["host"] != "gcc 1" || len(pins) != 5 {
		t.Errorf("the pins are %v", pins)
	}
}

func TestProvideAgain(t *testing.T) {
	b := newBench(t)
	first, err := b.provide(t)
	if err != nil {
		t.Fatal(err)
	}
	b.trace(t)
	tests := []struct {
		name   string
		change func()
		same   bool
		want   []string
	}{
		{"nothing", func() {}, true, nil},
		{"an option of gcc", func() { b.from.Build.GCC.Options = []string{"--with-abi=lp64"} }, false, whole[4:]},
		{"an option of musl", func() { b.from.Build.Musl.Options = []string{"--enable-debug"} }, false, whole[6:]},
		{"the host's compiler", func() { b.host.Compiler = "gcc 2" }, false, append(slices.Clone(whole[:2]), whole[4:]...)},
		{"all as at first", func() {
			b.host.Compiler, b.from.Build.GCC.Options, b.from.Build.Musl.Options = "gcc 1", nil, nil
		}, true, nil},
		{"a damaged compiler", func() {
			if err := os.Remove(filepath.Join(first, "bin/riscv64-linux-musl-gcc")); err != nil {
				t.Fatal(err)
			}
		}, true, nil},
	}
	for _, test := range tests {
		test.change()
		dir, err := b.provide(t)
		if err != nil || (dir == first) != test.same {
			t.Errorf("%s: Provide gave %s (%v), and %s at first", test.name, dir, err, first)
		}
		if diff := cmp.Diff(test.want, b.trace(t)); diff != "" {
			t.Errorf("%s: what was done (-want +got):\n%s", test.name, diff)
		}
	}
	if _, err := os.Stat(filepath.Join(first, "bin/riscv64-linux-musl-gcc")); err != nil {
		t.Errorf("the damage was not mended: %v", err)
	}
}

func TestFailureAndResume(t *testing.T) {
	b := newBench(t)
	b.write(t, "fail", "")
	_, err := b.provide(t)
	var f *fault.Error
	if !errors.As(err, &f) {
		t.Fatalf("Provide gave %v", err)
	}
	if !strings.Contains(err.Error(), "making gcc.tar.gz failed: no such thing. The log is "+f.Log) {
		t.Errorf("the error is %q", err)
	}
	if diff := cmp.Diff([]string{"../src/gcc/x.cc:3:1: error: no such thing", "    3 | x"}, f.Excerpt); diff != "" {
		t.Errorf("the excerpt (-want +got):\n%s", diff)
	}
	log, err := os.ReadFile(f.Log)
	if err != nil || !strings.Contains(string(log), "mkmini: cd ") || !strings.Contains(string(log), "\nmore\n") {
		t.Errorf("the log holds %q (%v)", log, err)
	}
	if left, _ := os.ReadDir(b.Keeper.Store.Sub("tmp")); len(left) > 0 {
		t.Errorf("%s is left", left)
	}
	if diff := cmp.Diff(whole[:5], b.trace(t)); diff != "" {
		t.Errorf("what was done (-want +got):\n%s", diff)
	}
	if err := os.Remove(b.path("fail")); err != nil {
		t.Fatal(err)
	}
	if _, err := b.provide(t); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(whole[4:], b.trace(t)); diff != "" {
		t.Errorf("what was done the second time (-want +got):\n%s", diff)
	}
	if !slices.Contains(b.seen, "configure gcc, part 4 of 5") {
		t.Errorf("was told %q", b.seen)
	}
}

func TestPatches(t *testing.T) {
	b := newBench(t)
	b.write(t, "a.patch", "--- a/text\n+++ b/text\n@@ -1 +1 @@\n-one\n+two\n")
	b.from.Build.GCC.Patches = []string{b.path("a.patch")}
	dir, err := b.provide(t)
	if err != nil {
		t.Fatal(err)
	}
	if got := b.trace(t); !slices.Contains(got, "gcc make 0 two") {
		t.Errorf("done was %q", got)
	}
	if pin := b.Pins(b.from, dir)["gcc a.patch"]; !strings.HasPrefix(pin, "sha256:") {
		t.Errorf("the patch's pin is %q", pin)
	}
	b.write(t, "a.patch", "--- a/text\n+++ b/text\n@@ -1 +1 @@\n-three\n+two\n")
	_, err = b.provide(t)
	var f *fault.Error
	if !errors.As(err, &f) || f.Summary != "A patch does not apply" || !strings.Contains(err.Error(), b.path("a.patch")) || !strings.Contains(err.Error(), "1 out of 1 hunk") {
		t.Errorf("a patch that does not apply gave %v", err)
	}
	if diff := cmp.Diff([]string{b.path("binutils.tar.gz"), b.path("gcc.tar.gz"), b.path("a.patch"), b.path("linux.tar.gz"), b.path("musl.tar.gz")}, b.Files(b.from)); diff != "" {
		t.Errorf("the files (-want +got):\n%s", diff)
	}
}

func TestCancel(t *testing.T) {
	b := newBench(t)
	b.write(t, "hang", "")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() {
		_, err := b.Provide(ctx, info, b.from, nil)
		done <- err
	}()
	pid := waitFor(t, b.path("pid"))
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("Provide gave %v", err)
	}
	for alive(pid) { // killed it is already, gone it may not be yet
		if t.Context().Err() != nil {
			t.Fatalf("process %s is still there", pid)
		}
		time.Sleep(time.Millisecond)
	}
	if err := os.Remove(b.path("hang")); err != nil {
		t.Fatal(err)
	}
	b.trace(t)
	if _, err := b.provide(t); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(whole[4:], b.trace(t)); diff != "" {
		t.Errorf("what was done afterwards (-want +got):\n%s", diff)
	}
}

// alive says whether a process runs: one that ended may be waited for by
// nobody.
func alive(pid string) bool {
	data, err := os.ReadFile("/proc/" + pid + "/stat")
	return err == nil && !strings.Contains(string(data), ") Z ")
}

// waitFor returns the text of a file once it is there.
func waitFor(t *testing.T, path string) string {
	t.Helper()
	for {
		if data, err := os.ReadFile(path); err == nil && bytes.HasSuffix(data, []byte("\n")) {
			return strings.TrimSpace(string(data))
		}
		select {
		case <-t.Context().Done():
			t.Fatal("the test ends")
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func TestRefused(t *testing.T) {
	tests := []struct {
		name   string
		change func(*testing.T, *bench)
		want   string
	}{
		{"hash", func(_ *testing.T, b *bench) { b.from.Build.GCC.SHA256 = strings.Repeat("0", 64) }, "but " + strings.Repeat("0", 64) + " is wanted"},
		{"no file", func(_ *testing.T, b *bench) { b.from.Build.Linux.File = b.path("none") }, "there is no file DIR/none"},
		{"no archive", func(t *testing.T, b *bench) { b.write(t, "binutils.tar.gz", "text") }, "it is no tar"},
		{"no source of gcc", func(_ *testing.T, b *bench) { b.from.Build.Musl = config.Part{} }, "nothing is known of where its source is"},
		{"no url", func(_ *testing.T, b *bench) {
			b.from.Build.GCC = config.Part{SHA256: strings.Repeat("0", 64)}
		}, "no place to fetch it from is known"},
		{"no generator", func(t *testing.T, b *bench) {
			t.Setenv("PATH", onlyTools(t, "sh", "make", "rm", "mkdir", "cp"))
			files := map[string]string{"configure": fakeConfigure}
			b.from.Build.Binutils.File = b.tarball(t, "binutils", files)
		}, "lacks bison, flex: the Debian packages are bison flex"},
		{"no patch", func(t *testing.T, b *bench) {
			t.Setenv("PATH", onlyTools(t, "sh", "make"))
			b.from.Build.GCC.Patches = []string{b.path("a.patch")}
		}, "lacks patch"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t)
			test.change(t, b)
			_, err := b.provide(t)
			if want := strings.ReplaceAll(test.want, "DIR", b.dir); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("Provide gave %v, want %q", err, want)
			}
		})
	}
	b := newBench(t)
	if _, err := b.Provide(t.Context(), sdk.ToolchainInfo{Arch: "alpha", Triplets: []string{"alpha-linux-gnu"}}, b.from, nil); err == nil || !strings.Contains(err.Error(), "does not know alpha") {
		t.Errorf("alpha gave %v", err)
	}
}

// onlyTools returns a folder with some programs of the machine.
func onlyTools(t *testing.T, names ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range names {
		for _, place := range []string{"/usr/bin/", "/bin/"} {
			if _, err := os.Stat(place + name); err == nil {
				if err := os.Symlink(place+name, filepath.Join(dir, name)); err != nil {
					t.Fatal(err)
				}
				break
			}
		}
	}
	return dir
}

// A store whose path makefiles trip over.
func TestOddPath(t *testing.T) {
	b := newBench(t)
	st, err := store.Open(b.path("a store: $x"))
	if err != nil {
		t.Fatal(err)
	}
	b.Keeper.Store, b.Blobs = st, st.Sub("sources")
	dir, err := b.provide(t)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "bin/riscv64-linux-musl-gcc")); err != nil {
		t.Error(err)
	}
}

func TestTarget(t *testing.T) {
	tests := []struct {
		triplets []string
		want     string
	}{
		{[]string{"riscv64-linux-gnu", "riscv64-*linux*"}, "riscv64-linux-musl"},
		{[]string{"arm-linux-gnueabihf"}, "arm-linux-musleabihf"},
		{[]string{"mips64el-linux-gnuabi64"}, "mips64el-linux-musl"},
		{[]string{"sw_64*-linux*", "sw_64-sunway-linux-gnu"}, "sw_64-sunway-linux-musl"},
		{[]string{"sw_64*-linux*"}, ""},
	}
	for _, test := range tests {
		if got := target(sdk.ToolchainInfo{Triplets: test.triplets}); got != test.want {
			t.Errorf("the target of %v is %q, want %q", test.triplets, got, test.want)
		}
	}
}

func TestExplain(t *testing.T) {
	tests := []struct {
		lines   []string
		message string
		shown   int
	}{
		{[]string{"checking for x", "configure: error: Building GCC requires GMP 4.2+", "make: *** [x] Error 1"}, "Building GCC requires GMP 4.2+", 1},
		{[]string{"ld: a.o: undefined reference to `f'", "a.c:1:2: fatal error: gmp.h: No such file", "    1 | #include", "      |  ^~", "other"}, "gmp.h: No such file", 3},
		{[]string{"x", "make[2]: *** No rule to make target 'a', needed by 'b'.  Stop.", "make: *** [all] Error 2"}, "No rule to make target 'a', needed by 'b'.  Stop.", 1},
		{[]string{"1", "2", "3", "4", "5", "6"}, "", most},
	}
	for _, test := range tests {
		message, shown := explain(test.lines)
		if message != test.message || len(shown) != test.shown {
			t.Errorf("explain(%q) = %q, %q", test.lines, message, shown)
		}
	}
}

func ExampleHost() {
	var lack missing
	lack.add("libmpc with its headers", "libmpc-dev")
	fmt.Println(lack.err())
	// Output: Tools to build a compiler are missing: To build a compiler, this machine lacks libmpc with its headers: the Debian packages are libmpc-dev.
}
