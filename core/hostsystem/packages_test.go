package hostsystem_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/core/hostsystem"
	"github.com/mkmini/mkmini/core/testenv"
)

const status = `Package: app
Status: install ok installed
Architecture: amd64
Pre-Depends: libfoo (>= 1), gone | mail-agent
Depends:
 tool:any (>= 2) | other,
 missing
Description: an app
 Depends: not-a-field

Package: libfoo
Status: install ok installed
Architecture: i386
Multi-Arch: same

Package: libfoo
Status: install ok installed
Architecture: amd64
Multi-Arch: same

Package: tool
Status: hold ok installed
Architecture: all

Package: postman
Status: install ok installed
Architecture: amd64
Provides: mail-agent (= 3)

Package: other
Status: deinstall ok config-files
Architecture: amd64

Package: dpkg
Status: install ok installed
Architecture: amd64
`

// TestDpkg follows dependencies, diversions and alternatives.
func TestDpkg(t *testing.T) {
	const info = "var/lib/dpkg/info/"
	dir := root(t, map[string]string{
		"var/lib/dpkg/status":              status,
		info + "app.list":                  "/.\n/usr\n/usr/bin\n/usr/bin/app\n/usr/share/doc/app\n/bin/sh\n",
		info + "libfoo:i386.list":          "/usr/lib/i386/libfoo.1\n",
		info + "libfoo:amd64.list":         "/usr/lib/amd64/libfoo.1\n",
		info + "tool.list":                 "/usr/bin/tool\n",
		info + "postman.list":              "/usr/bin/postman\n",
		info + "dpkg.list":                 "/usr/bin/dpkg\n",
		"var/lib/dpkg/diversions":          "/bin/sh\n/bin/sh.real\ntool\n/usr/bin/tool\n/usr/bin/tool.x\ntool\n",
		"var/lib/dpkg/alternatives/editor": "auto\n/usr/bin/editor\neditor.1\n/usr/share/editor.1\n\n/usr/bin/tool\n10\n/usr/share/tool.1\n\n",
		"etc/alternatives/editor":          "-> /usr/bin/tool", "usr/bin/editor": "-> /etc/alternatives/editor",
		"usr/bin/app": "x", "bin/sh": "own", "bin/sh.real": "theirs", "usr/lib/i386/libfoo.1": "", "usr/lib/amd64/libfoo.1": "",
		"usr/bin/tool": "t", "usr/bin/postman": "", "usr/bin/dpkg": "",
	})
	base := []string{"bin", "bin/sh.real", "usr", "usr/bin", "usr/bin/app"}
	same(t, &config.Installed{Root: dir, Packages: []string{"app"}}, base...)
	want := append(slices.Clone(base), "etc", "etc/alternatives", "etc/alternatives/editor -> /usr/bin/tool",
		"usr/bin/editor -> /etc/alternatives/editor", "usr/bin/postman", "usr/bin/tool", "usr/lib", "usr/lib/amd64", "usr/lib/amd64/libfoo.1")
	slices.Sort(want)
	same(t, &config.Installed{Root: dir, Packages: []string{"app"}, Depends: true}, want...)
	same(t, &config.Installed{Root: dir, Packages: []string{"libfoo:i386"}}, "usr", "usr/lib", "usr/lib/i386", "usr/lib/i386/libfoo.1")

	for _, name := range []string{"other", "ool", "none"} {
		_, err := take(t, &config.Installed{Root: dir, Packages: []string{name}})
		f, ok := errors.AsType[*fault.Error](err)
		if !ok || f.Summary != "Package not found" || strings.Contains(f.Remedy, "there is tool") != (name == "ool") {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := take(t, &config.Installed{Root: t.TempDir(), Packages: []string{"app"}})
	if f, ok := errors.AsType[*fault.Error](err); !ok || f.Summary != "No packages in the root" {
		t.Errorf("without a database: %v", err)
	}
}

// TestDistroless reads the database of images without a package manager.
func TestDistroless(t *testing.T) {
	dir := root(t, map[string]string{
		"var/lib/dpkg/status.d/base":         "Package: base\nArchitecture: amd64\n",
		"var/lib/dpkg/status.d/base.md5sums": "d41d8cd98f00b204e9800998ecf8427e  etc/a name\n", "etc/a name": "",
	})
	same(t, &config.Installed{Root: dir, Packages: []string{"base"}}, "etc", "etc/a name")
}

// TestDpkgHere compares with the machine's own dpkg.
func TestDpkgHere(t *testing.T) {
	dpkg := testenv.Tool(t, "dpkg", "dpkg")
	names, err := take(t, &config.Installed{Root: "/", Packages: []string{"coreutils"}})
	if err != nil {
		t.Fatal(err)
	}
	for file := range strings.Lines(testenv.Output(t, dpkg, "--listfiles", "coreutils")) {
		file = strings.TrimSpace(file)
		info, err := os.Stat(file)
		if err != nil || info.IsDir() {
			continue // an image may leave out documentation
		}
		real, err := filepath.EvalSymlinks(filepath.Dir(file))
		if err != nil {
			t.Fatal(err)
		}
		at := strings.TrimPrefix(filepath.Join(real, filepath.Base(file)), "/")
		if !slices.ContainsFunc(names, func(name string) bool { return name == at || strings.HasPrefix(name, at+" -> ") }) {
			t.Errorf("%s is not among what was taken", at)
		}
	}
}

const spec = `Name: greet
Version: 1
Release: 1
Epoch: 3
Summary: greets
License: MIT
Requires: greet-data, /usr/bin/shell, (greet-extra or greet-none), (nothing if nobody)
AutoReqProv: no
%description
x
%package data
Summary: data
Provides: text
%description data
x
%package extra
Summary: more
%description extra
x
%install
mkdir -p %{buildroot}/usr/bin %{buildroot}/usr/share/greet
for f in bin/greet bin/shell share/greet/text share/greet/extra; do echo $f > %{buildroot}/usr/$f; done
%files
/usr/bin/greet
%files data
/usr/share/greet/text
/usr/bin/shell
%files extra
/usr/share/greet/extra
`

// TestRPM has rpm make packages and a database.
func TestRPM(t *testing.T) {
	t.Parallel()
	rpmbuild, rpm := testenv.Tool(t, "rpmbuild", "rpm"), testenv.Tool(t, "rpm", "rpm")
	work := t.TempDir()
	file := filepath.Join(work, "greet.spec")
	if err := os.WriteFile(file, []byte(spec), 0o644); err != nil {
		t.Fatal(err)
	}
	testenv.Output(t, rpmbuild, "-bb", "--define", "_topdir "+work, file)
	packages, err := filepath.Glob(filepath.Join(work, "RPMS/*/*.rpm"))
	if err != nil || len(packages) != 3 {
		t.Fatalf("rpmbuild made %q, %v", packages, err)
	}
	dir := root(t, map[string]string{
		"usr/bin/greet": "g", "usr/bin/shell": "s", "usr/share/greet/text": "t", "usr/share/greet/extra": "e", "var/lib/rpm/": "",
	})
	testenv.Output(t, rpm, append([]string{"--root", dir, "--dbpath", "/var/lib/rpm", "--nodeps", "--justdb", "--install"}, packages...)...)

	same(t, &config.Installed{Root: dir, Packages: []string{"greet"}}, "usr", "usr/bin", "usr/bin/greet")
	same(t, &config.Installed{Root: dir, Packages: []string{"greet"}, Depends: true}, "usr", "usr/bin", "usr/bin/greet", "usr/bin/shell",
		"usr/share", "usr/share/greet", "usr/share/greet/extra", "usr/share/greet/text")
	owned, err := hostsystem.Owners(t.Context(), &config.Installed{Root: dir, Paths: []string{"/usr/bin"}}, fault.Range{})
	var got []string
	for _, p := range owned {
		for _, f := range p.Files {
			got = append(got, fmt.Sprintf("%s %s %s:%s %t %s", p.Kind, p.Name, p.Epoch, p.Version, p.Arch != "", f.Path))
		}
	}
	want := []string{"rpm greet 3:1-1 true usr/bin/greet", "rpm greet-data 3:1-1 true usr/bin/shell"}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v, owners (-want +got):\n%s", err, diff)
	}
	_, err = take(t, &config.Installed{Root: dir, Packages: []string{"greet", "data"}})
	if f, ok := errors.AsType[*fault.Error](err); !ok || !strings.Contains(f.Remedy, "greet-data") {
		t.Errorf("got %v", err)
	}
}

// TestOwnersHere asks whose the commands of this machine are, and compares with
// its own dpkg.
func TestOwnersHere(t *testing.T) {
	dpkg := testenv.Tool(t, "dpkg-query", "dpkg")
	owned, err := hostsystem.Owners(t.Context(), &config.Installed{Root: "/", Commands: []string{"cat", "dpkg-query"}}, fault.Range{})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"coreutils", "dpkg"} {
		i := slices.IndexFunc(owned, func(p hostsystem.Package) bool { return p.Name == name })
		if i < 0 {
			t.Errorf("there is no %s among %d packages", name, len(owned))
			continue
		}
		version := testenv.Output(t, dpkg, "-W", "-f", "${Version} ${Architecture}", name)
		if p := owned[i]; p.Version+" "+p.Arch != version || p.Kind != hostsystem.Deb || p.Distribution == "" || len(p.Files) == 0 {
			t.Errorf("%s is %+v, and of version %s", name, p, version)
		}
	}
	if i := slices.IndexFunc(owned, func(p hostsystem.Package) bool { return p.Name == "gcc" || p.Name == "apt" }); i >= 0 {
		t.Errorf("%s is none of their files' owners: %+v", owned[i].Name, owned[i].Files)
	}
}

// TestDatabaseErrors says which database can't be read.
func TestDatabaseErrors(t *testing.T) {
	testenv.Tool(t, "rpm", "rpm")
	dir := root(t, map[string]string{"var/lib/rpm/rpmdb.sqlite": "no database at all, but long enough to be looked at as one"})
	_, err := take(t, &config.Installed{Root: dir, Packages: []string{"greet"}})
	if _, ok := errors.AsType[*fault.Error](err); !ok {
		t.Errorf("a damaged database: %v", err)
	}
	dir = root(t, map[string]string{"var/lib/dpkg/status": "Package: a\nStatus: install ok installed\nArchitecture: all\n"})
	if _, err := take(t, &config.Installed{Root: dir, Packages: []string{"a"}}); err == nil || !strings.Contains(err.Error(), "a.list") {
		t.Errorf("without a list: %v", err)
	}
}
