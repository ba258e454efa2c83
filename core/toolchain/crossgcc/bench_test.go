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
			"\techo as > $(DESTDIR)/mkmini/bin/TARGET-as\n" +
			"\techo 'echo \"gcc strip $$#\" >> TRACE' > $(DESTDIR)/mkmini/bin/TARGET-strip\n\tchmod 755 $(DESTDIR)/mkmini/bin/*\n",
	},
	"linux": {
		"Makefile": "headers:\n\t@echo linux headers $(ARCH) >> TRACE\n\tmkdir -p $(O)/usr/include/linux\n" +
			"\techo '#define X' > $(O)/usr/include/linux/version.h\n\techo x > $(O)/usr/include/linux/.install.cmd\n",
	},
	"gcc": {
		"configure": fakeConfigure, "gcc/gengtype-lex.cc": "", "text": "one\n",
		"Makefile.in": "configure-gcc:\n\tmkdir -p gcc\n\techo \"at `pwd`\" > gcc/configargs.h\n" +
			"all-gcc: wait\n\t@echo gcc make `TARGET-as 2>&1 >/dev/null | wc -l` `cat ../src/text` >> TRACE\n" +
			"\tls ../root/TARGET/sysroot/usr/include/linux/version.h\n\tcase TARGET in *-musl) ls ../root/TARGET/sysroot/usr/include/stdio.h;; esac\n" +
			"wait:\n\t@if [ -e FAIL ]; then echo 'gcc -c x.cc -o x.o'; echo '../src/gcc/x.cc:3:1: error: no such thing'; echo '    3 | x'; echo more; false; fi\n" +
			"\tif [ -e HANG ]; then echo $$$$ > PID; exec sleep 1000; fi\n" +
			"all-target-libgcc:\n" +
			"install-strip-gcc:\n\tmkdir -p $(DESTDIR)/mkmini/bin $(DESTDIR)/mkmini/lib/gcc/x/12/install-tools\n" +
			"\t(echo '#!/bin/sh'; cat gcc/configargs.h) > $(DESTDIR)/mkmini/bin/TARGET-gcc\n\tchmod 755 $(DESTDIR)/mkmini/bin/*\n" +
			"install-strip-target-libgcc: install-strip-gcc\n\ttouch $(DESTDIR)/mkmini/lib/gcc/x/12/libgcc.a\n",
		"gcc/BASE-VER": "", "gcc/gcc.cc": "", "gcc/tm.h": "", "gcc/testsuite/a.h": "",
		"libgcc/configure": strings.ReplaceAll(fakeConfigure, "NAME", "libgcc"),
		"libgcc/Makefile.in": "all:\n\t@echo libgcc make `ls ../../../src/gcc` `find ../../../root/TARGET/sysroot -name stubs.h -o -name libc.so.6 | sed 's,.*/,,'` >> TRACE\n" +
			"\ttest -x ../../../root/bin/TARGET-gcc -a -e ../../../root/TARGET/sysroot/usr/include/stdio.h\n" +
			"install:\n\tmkdir -p $(DESTDIR)/mkmini/lib/gcc/x/12\n\ttouch $(DESTDIR)/mkmini/lib/gcc/x/12/libgcc.a\n",
	},
	"glibc": {
		"configure": fakeConfigure,
		"Makefile.in": "all:\n\t@echo glibc make >> TRACE\n\ttest -e ../root/lib/gcc/x/12/libgcc_eh.a\n" +
			"install-headers:\n\t@echo glibc headers $(install-bootstrap-headers) >> TRACE\n" +
			"\tmkdir -p $(install_root)/usr/include\n\ttouch $(install_root)/usr/include/stdio.h\n" +
			"install: install-headers\n\tmkdir -p $(install_root)/usr/share/locale $(install_root)/usr/bin $(install_root)/lib64\n" +
			"\ttouch $(install_root)/usr/bin/ldd $(install_root)/lib64/libc.so.6\n",
	},
	"musl": {
		"configure": fakeConfigure,
		"Makefile": "install-headers:\n\t@echo musl headers $(ARCH) >> TRACE\n\tmkdir -p $(DESTDIR)$(prefix)/include\n" +
			"\ttouch $(DESTDIR)$(prefix)/include/stdio.h\n",
		"Makefile.in": "all:\n\t@echo musl make >> TRACE\n\ttest -x ../root/bin/TARGET-gcc\n" +
			"install-libs:\n\tmkdir -p $(DESTDIR)/mkmini/TARGET/sysroot/usr/lib $(DESTDIR)/mkmini/TARGET/sysroot/lib\n" +
			"\ttouch $(DESTDIR)/mkmini/TARGET/sysroot/usr/lib/libc.so\n" +
			"\tln -s /mkmini/x $(DESTDIR)/mkmini/TARGET/sysroot/lib/ld-musl-riscv64.so.1\n",
	},
}

const fakeConfigure = "#!/bin/sh\nfor a; do case $a in -*|*=*) ;; *) echo \"configure: error: $a\"; exit 1;; esac; done\necho \"NAME configure\" >> TRACE\necho \"$@\" > ARGS.NAME\ncp \"${0%/*}/Makefile.in\" Makefile\n"

// bench is what a test builds with.
type bench struct {
	*Provider
	dir string
	// target is the compiler's triplet.
	target string
	from   config.From
	host   Host
	seen   []string
}

func newBench(t *testing.T) *bench { return benchIn(t, t.TempDir()) }

func benchIn(t *testing.T, dir string) *bench {
	t.Helper()
	st, err := store.Open(filepath.Join(dir, "store"))
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{dir: dir, target: "riscv64-linux-musl", host: Host{Compiler: "gcc 1"}, from: config.From{Kind: "source", Build: &config.Build{}}}
	b.Provider = &Provider{
		Keeper: &unpacked.Keeper{Store: st}, Fetcher: &source.Fetcher{}, Blobs: st.Sub("sources"), Jobs: 2,
		Examine: func(context.Context, string) (Host, error) { return b.host, nil },
	}
	b.tarballs(t)
	return b
}

// tarballs writes the sources of all parts.
func (b *bench) tarballs(t *testing.T) {
	t.Helper()
	parts := b.from.Build
	for name, part := range map[string]*config.Part{"binutils": &parts.Binutils, "gcc": &parts.GCC, "linux": &parts.Linux, "musl": &parts.Musl, "glibc": &parts.Glibc} {
		part.File = b.tarball(t, name, fakes[name])
	}
}

func (b *bench) path(name string) string { return filepath.Join(b.dir, name) }

// tarball writes the source of a part.
func (b *bench) tarball(t *testing.T, part string, files map[string]string) string {
	t.Helper()
	var data bytes.Buffer
	z := gzip.NewWriter(&data)
	w := tar.NewWriter(z)
	fill := strings.NewReplacer("TRACE", b.path("trace"), "ARGS", b.path("args"), "NAME", part,
		"TARGET", b.target, "FAIL", b.path("fail"), "HANG", b.path("hang"), "PID", b.path("pid"))
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
