package crossgcc

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mkmini/mkmini/core/config"
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
			"\techo as > $(DESTDIR)/mkmini/bin/riscv64-linux-musl-as\n" +
			"\techo 'echo \"gcc strip $$#\" >> TRACE' > $(DESTDIR)/mkmini/bin/riscv64-linux-musl-strip\n\tchmod 755 $(DESTDIR)/mkmini/bin/*\n",
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
			"\tif [ -e HANG ]; then echo $$$$ > PID; exec sleep 1000; fi\n" +
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

func newBench(t *testing.T) *bench { return benchIn(t, t.TempDir()) }

func benchIn(t *testing.T, dir string) *bench {
	t.Helper()
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

// alive says whether a process runs: one that ended may be waited for by
// nobody.
func alive(pid string) bool {
	data, err := os.ReadFile("/proc/" + pid + "/stat")
	return err == nil && !strings.Contains(string(data), ") Z ")
}

// gone waits for the end of a process that has been killed.
func gone(t *testing.T, pid string) {
	t.Helper()
	for range 3000 {
		if !alive(pid) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("process %s is still there", pid)
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
